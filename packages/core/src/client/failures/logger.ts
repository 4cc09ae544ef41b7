/**
 * Where a client writes about failures. The loggers of pino, winston, bunyan and Fastify have this
 * shape, and so does `console`.
 */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/**
 * Returns a function that writes lines to a logger of somebody else. It never throws. A line is
 * written after the work of this tick, so that a slow logger delays no reply that has arrived.
 */
export function lineWriter(
  logger: Logger,
  namespace: string,
): (level: keyof Logger, text: string) => void {
  const start = namespace === '' ? 'cache' : `cache "${namespace}"`
  return (level, text) => {
    setImmediate(() => callSafely(() => logger[level](`${start}: ${toLine(text)}`)))
  }
}

/**
 * Makes a text one line of bounded length. It may contain a key, and a key may contain what a
 * client of the service chose: line breaks, terminal escapes, or megabytes.
 */
export function toLine(text: string): string {
  const short = text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`
  return short.replace(
    CONTROL,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const MAX_LENGTH = 500

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** Calls a function of somebody else, and ignores what it throws or rejects with. */
export function callSafely(call: () => unknown): void {
  try {
    const result = call() as PromiseLike<unknown> | undefined
    if (typeof result?.then === 'function') result.then(undefined, () => undefined)
  } catch {
    // A logger that throws must not end the process.
  }
}
