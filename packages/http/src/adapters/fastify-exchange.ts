import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { headersSince, toNodeHeaders, type HeaderSnapshot } from '../node/set-headers.js'
import { hasNoBody, joinVary } from '../headers.js'

/**
 * A request of Fastify that something else answers: with what its handler sends, or without calling
 * the handler.
 */
export class Exchange {
  readonly #before: HeaderSnapshot
  readonly #reply: FastifyReply
  #answer: Promise<Response> | undefined
  #proceed!: () => void
  #render!: (response: Response) => void
  #fail!: (error: unknown) => void
  readonly #proceeding = new Promise<undefined>((resolve) => {
    this.#proceed = () => resolve(undefined)
  })
  readonly #rendered = new Promise<Response>((resolve, reject) => {
    this.#render = resolve
    this.#fail = reject
  })

  constructor(reply: FastifyReply) {
    this.#reply = reply
    this.#before = { ...reply.getHeaders() }
    this.#rendered.catch(() => undefined)
    const onEnd = (): void =>
      this.#fail(new Error('The handler sent its response past Fastify (reply.raw, hijack).'))
    reply.raw.once('finish', onEnd)
    // If the client leaves, there is no 'finish'. Other handlers go on without it.
    reply.raw.once('close', () => {
      if (reply.sent) return onEnd()
      const hijack = reply.hijack.bind(reply)
      reply.hijack = () => {
        onEnd()
        return hijack()
      }
    })
  }

  /** Lets the handler run. Resolves to its response. */
  readonly handler = (): Promise<Response> => {
    this.#proceed()
    return this.#rendered
  }

  /** Resolves to the answer, or to `undefined` once the handler has to run. */
  async begin(answer: Promise<Response>): Promise<Response | undefined> {
    this.#answer = answer
    answer.catch(() => undefined)
    return Promise.race([answer, this.#proceeding])
  }

  /** Takes what the handler sends. Resolves to the payload to send instead. */
  async sent(payload: unknown): Promise<unknown> {
    this.#render(this.toResponse(payload))
    return this.apply(await this.#answer!)
  }

  toResponse(payload: unknown): Response {
    const { statusCode: status } = this.#reply
    const headers = headersSince(this.#before, this.#reply.getHeaders())
    if (payload instanceof Response) {
      for (const [name, value] of payload.headers) headers.append(name, value)
      return new Response(payload.body, { status: payload.status, headers })
    }
    return new Response(hasNoBody(status) ? null : toBody(payload), { status, headers })
  }

  /** Gives the reply the status and the headers of a response, and returns its body. */
  apply(response: Response): unknown {
    const reply = this.#reply
    const vary = joinVary(this.#before.vary, response.headers.get('vary'))
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name)
    for (const [name, value] of Object.entries({
      ...this.#before,
      ...toNodeHeaders(response.headers),
      ...(vary !== undefined && { vary }),
    }))
      if (value !== undefined) reply.header(name, value)
    reply.code(response.status)
    // Fastify's own HEAD routes do not take `null`.
    if (response.body === null) return reply.request.method === 'HEAD' ? Readable.from([]) : null
    return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
  }
}

/** The exchanges of a plugin, by request. */
export type Exchanges = WeakMap<FastifyRequest, Exchange>

function toBody(
  payload: unknown,
): string | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null {
  if (payload === undefined || payload === null) return null
  if (typeof payload === 'string') return payload
  if (payload instanceof Uint8Array) return new Uint8Array(payload)
  if (payload instanceof ReadableStream) return payload as ReadableStream<Uint8Array>
  const stream = payload as Readable
  return Readable.toWeb(Readable.from(stream, { objectMode: false })) as ReadableStream<Uint8Array>
}
