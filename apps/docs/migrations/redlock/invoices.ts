/** What the invoice run of the programs needs of the rest of the service. */
export interface Invoices {
  unsent(): Promise<readonly number[]>
  /** `fence` is the number of the run, where there is one: the mail server can check it. */
  send(id: number, options: { signal: AbortSignal; fence?: number }): Promise<void>
}

export interface InvoiceRun {
  /** Sends what has not been sent. Returns how many, or `busy` if another process is at it. */
  run(): Promise<number | 'busy'>
  close(): Promise<void>
}
