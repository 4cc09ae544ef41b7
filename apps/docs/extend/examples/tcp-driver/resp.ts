import type { Argument } from '@cache/core'

/** A reply as the server sent it: bulk strings and simple strings are bytes. */
export type RawReply = Buffer | number | null | ErrorReply | readonly RawReply[]

/** An error reply, `CODE message`. */
export class ErrorReply {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * Returns the bytes of a command.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.from(arg as string)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF)
  }
  return Buffer.concat(parts)
}

/** Finds the replies in the bytes of a connection, which arrive in chunks of any size. */
export class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0)

  /** Returns the replies that the chunk completes. */
  read(chunk: Buffer): RawReply[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const replies: RawReply[] = []
    let position = 0
    for (;;) {
      const next = parse(this.#bytes, position)
      if (!next) break
      replies.push(next.reply)
      position = next.end
    }
    this.#bytes = this.#bytes.subarray(position)
    return replies
  }
}

interface Parsed {
  readonly reply: RawReply
  readonly end: number
}

/** Returns the reply that begins at `start`, or `undefined` if its end has not arrived yet. */
function parse(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf(CRLF, start)
  if (lineEnd === -1) return undefined
  const type = String.fromCharCode(bytes[start]!)
  const line = bytes.subarray(start + 1, lineEnd)
  const end = lineEnd + 2
  if (type === '+') return { reply: line, end }
  if (type === '-') return { reply: new ErrorReply(line.toString()), end }
  const number = Number(line)
  if (type === ':') return { reply: number, end }
  if (type === '$') return parseBulk(bytes, end, number)
  if (type === '*') return parseArray(bytes, end, number)
  throw new Error(`unexpected type of reply: ${type}`)
}

function parseBulk(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length === -1) return { reply: null, end: start }
  const end = start + length + 2
  return bytes.length < end ? undefined : { reply: bytes.subarray(start, end - 2), end }
}

function parseArray(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length === -1) return { reply: null, end: start }
  const reply: RawReply[] = []
  let end = start
  while (reply.length < length) {
    const next = parse(bytes, end)
    if (!next) return undefined
    reply.push(next.reply)
    end = next.end
  }
  return { reply, end }
}

const CRLF = Buffer.from('\r\n')
