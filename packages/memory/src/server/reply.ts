/** A status reply such as `OK`, which Lua sees as a table. */
export class Status {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** An error reply; its message begins with the code. */
export class RedisError extends Error {}

/** What a command answers with: strings have one character per byte. */
export type ServerReply = Status | RedisError | string | number | null | readonly ServerReply[]

export const OK = new Status('OK')

export function wrongType(): RedisError {
  return new RedisError('WRONGTYPE Operation against a key holding the wrong kind of value')
}

export function syntaxError(): RedisError {
  return new RedisError('ERR syntax error')
}

export function notInteger(): RedisError {
  return new RedisError('ERR value is not an integer or out of range')
}
