import type { Codec } from '@cache/core'
import type { HeaderList } from './headers.js'

/** A whole response, as it is stored in Redis. */
export interface StoredResponse<Meta> {
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderList
  readonly body: Buffer
  /** What the owner of the entry needs to know about the response. */
  readonly meta: Meta
}

/**
 * Returns a codec for stored responses: the length of the head (4 bytes, big-endian), the head as
 * JSON, and the body as it is.
 */
export function responseCodec<Meta>(): Codec<StoredResponse<Meta>> {
  return {
    name: 'http-response',
    encode({ body, ...head }) {
      const json = Buffer.from(JSON.stringify(head))
      const length = Buffer.alloc(4)
      length.writeUInt32BE(json.length)
      return Buffer.concat([length, json, body])
    },
    decode(payload) {
      const end = 4 + payload.readUInt32BE(0)
      const head = JSON.parse(payload.toString('utf8', 4, end)) as Omit<
        StoredResponse<Meta>,
        'body'
      >
      if (!Number.isInteger(head.status) || !Array.isArray(head.headers))
        throw new Error('not a stored response')
      return { ...head, body: Buffer.from(payload.subarray(end)) }
    },
  }
}
