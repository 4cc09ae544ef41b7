import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { discard } from '../discard.js'
import { hasNoBody, joinVary } from '../headers.js'
import { headersSince, toNodeHeaders, type HeaderSnapshot } from './set-headers.js'

/** What a handler writes into a response of Node. */
export interface CapturedResponse {
  /** Resolves when the handler has sent its headers. The body follows as it is written. */
  readonly response: Promise<Response>
  /** Sends a response instead. What the handler does after that has no effect. */
  send(response: Response): Promise<void>
  /** Gives the response back, and passes an error on, if the client can still be told. */
  fail(error: unknown, next: (error: unknown) => void): void
}

/**
 * Turns what is written into a response of Node into a web-standard response, and sends nothing.
 * Middlewares that were there before, such as a compression, see only what `send` sends.
 */
export function captureResponse(response: ServerResponse): CapturedResponse {
  const capture = new Capture(response)
  return {
    response: capture.response,
    send: (answer) => capture.send(answer),
    fail: (error, next) => capture.fail(error, next),
  }
}

/** How long a handler may take to write the rest of a response whose client has left already. */
const AFTER_CLOSE = 2_000

type Callback = (error?: Error | null) => void

class Capture {
  readonly response: Promise<Response>
  readonly #target: ServerResponse
  readonly #before: HeaderSnapshot
  readonly #restore: () => void
  #resolve!: (response: Response) => void
  #reject!: (error: unknown) => void
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #started = false
  #ended = false
  #discards = false

  constructor(target: ServerResponse) {
    this.#target = target
    this.#before = { ...target.getHeaders() }
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.response.catch(() => undefined)
    this.#restore = override(target, {
      writeHead: { value: this.#writeHead },
      write: { value: this.#write },
      end: { value: this.#end },
      flushHeaders: { value: () => this.#begin() },
      headersSent: { get: () => this.#started },
      writableEnded: { get: () => this.#ended },
      finished: { get: () => this.#ended },
    })
    target.once('close', () => this.#onClose())
  }

  async send(answer: Response): Promise<void> {
    const target = this.#target
    this.#restore()
    if (target.destroyed || target.headersSent) return discard(answer.body)
    for (const name of target.getHeaderNames()) target.removeHeader(name)
    for (const [name, value] of Object.entries({
      ...this.#before,
      ...toNodeHeaders(answer.headers),
    }))
      if (value !== undefined) target.setHeader(name, value)
    const vary = joinVary(this.#before.vary, answer.headers.get('vary'))
    if (vary !== undefined) target.setHeader('vary', vary)
    target.statusCode = answer.status
    target.statusMessage = answer.statusText
    if (answer.body === null) return void target.end()
    const reader = answer.body.getReader()
    const onClose = (): void => void reader.cancel().catch(() => undefined)
    target.once('close', onClose)
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done || target.destroyed) break
        if (!target.write(value)) await drained(target)
      }
      target.end()
    } catch (error) {
      // The client must notice that the body is not complete.
      target.destroy(error as Error)
    } finally {
      target.off('close', onClose)
    }
  }

  fail(error: unknown, next: (error: unknown) => void): void {
    this.#restore()
    if (this.#target.destroyed) return
    if (this.#target.headersSent) this.#target.destroy()
    else next(error)
  }

  readonly #writeHead = (
    status: number,
    reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
    given?: OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): ServerResponse => {
    const target = this.#target
    if (this.#started) return target
    target.statusCode = status
    if (typeof reason === 'string') target.statusMessage = reason
    const headers = typeof reason === 'string' ? given : reason
    if (Array.isArray(headers))
      for (let i = 0; i + 1 < headers.length; i += 2)
        target.setHeader(String(headers[i]), headers[i + 1]!)
    else
      for (const [name, value] of Object.entries(headers ?? {}))
        if (value !== undefined) target.setHeader(name, value)
    this.#start()
    return target
  }

  readonly #write = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | Callback,
    callback?: Callback,
  ): boolean => {
    const done = typeof encoding === 'function' ? encoding : callback
    this.#begin()
    if (this.#ended) return false
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8')
        : chunk
    if (this.#controller && !this.#discards && bytes.byteLength > 0) this.#controller.enqueue(bytes)
    if (done) queueMicrotask(done)
    return this.#discards || (this.#controller?.desiredSize ?? 1) > 0
  }

  readonly #end = (
    chunk?: string | Uint8Array | Callback | null,
    encoding?: BufferEncoding | Callback,
    callback?: Callback,
  ): ServerResponse => {
    const target = this.#target
    const done = [chunk, encoding, callback].find((value) => typeof value === 'function')
    if (this.#ended) return target
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
      this.#write(chunk, typeof encoding === 'string' ? encoding : undefined)
    this.#begin()
    this.#ended = true
    if (!this.#discards) this.#controller?.close()
    if (done) target.once('finish', done)
    return target
  }

  /** Sends the headers, through those who listen to that by wrapping `writeHead`. */
  #begin(): void {
    if (!this.#started) this.#target.writeHead(this.#target.statusCode)
    this.#start()
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    const { statusCode: status, statusMessage } = this.#target
    const body = hasNoBody(status)
      ? null
      : new ReadableStream<Uint8Array>(
          {
            start: (controller) => void (this.#controller = controller),
            pull: () => void this.#target.emit('drain'),
            cancel: () => {
              this.#discards = true
              this.#target.emit('drain')
            },
          },
          { highWaterMark: 64 * 1024, size: (chunk) => chunk?.byteLength ?? 0 },
        )
    if (this.#target.destroyed) this.#onClose()
    try {
      const headers = headersSince(this.#before, this.#target.getHeaders())
      this.#resolve(new Response(body, { status, statusText: statusMessage ?? '', headers }))
    } catch (error) {
      this.#discards = true
      this.#reject(error)
    }
  }

  /** A handler may go on without its client, or notice that it has left, and get no further. */
  #onClose(): void {
    if (!this.#isStreaming) return
    const giveUp = (): void => {
      if (!this.#isStreaming) return
      this.#discards = true
      this.#controller?.error(
        new Error('The client left before the handler had sent its response.'),
      )
    }
    setTimeout(giveUp, AFTER_CLOSE).unref()
  }

  get #isStreaming(): boolean {
    return this.#started && !this.#ended && !this.#discards
  }
}

/** Overrides properties of an object. The returned function gives it back what it had before. */
function override(object: object, properties: PropertyDescriptorMap): () => void {
  const before = Object.keys(properties).map(
    (name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const,
  )
  for (const [name, descriptor] of Object.entries(properties))
    Object.defineProperty(object, name, {
      configurable: true,
      ...('value' in descriptor && { writable: true }),
      ...descriptor,
    })
  let restored = false
  return () => {
    if (restored) return
    restored = true
    for (const [name, descriptor] of before)
      if (descriptor) Object.defineProperty(object, name, descriptor)
      else Reflect.deleteProperty(object, name)
  }
}

function drained(target: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      target.off('drain', done)
      target.off('close', done)
      resolve()
    }
    target.on('drain', done)
    target.on('close', done)
  })
}
