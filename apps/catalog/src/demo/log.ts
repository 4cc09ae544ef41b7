/** Prints a message about the progress of the demo. */
export type Log = (message: string) => void
