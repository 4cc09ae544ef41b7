import { channels, UsageError, type CacheClient } from '@cache/core'
import {
  beside,
  checkPrefix,
  closeWith,
  createKeys,
  createToken,
  emit,
  PendingReleases,
  readOptions,
  RenewedHold,
} from '@cache/core/internal'
import { createHash } from 'node:crypto'
import { discard } from '../discard.js'
import { ClaimLostError } from '../errors.js'
import { endToEnd, hasNoBody } from '../headers.js'
import { readBody } from '../read-body.js'
import { responseCodec, type StoredResponse } from '../stored-response.js'
import { idempotencyOptions, type IdempotencyOptions } from './options.js'
import type { Idempotency, IdempotentHandler } from './types.js'
import { fingerprintOf, parseKey, problem, readRequestBody } from './request-parts.js'
import { claimScript, completeScript, releaseScript, renewScript, type Claim } from './scripts.js'

/**
 * Creates protection from requests that arrive twice, by the header Idempotency-Key.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const idempotency = createIdempotency({ client, prefix: 'payments', scope: userOf })
 * export default { fetch: idempotency.wrap(charge) }
 */
export function createIdempotency(options: IdempotencyOptions): Idempotency {
  return new RedisIdempotency(options)
}

/** A run of the handler. */
interface Run {
  readonly keys: readonly [record: string, claim: string]
  /** Marks that the run was given up. */
  readonly mark: string
  readonly token: string
}

interface RunMeta {
  /** The body was too large to be stored, or broke off. */
  readonly isLost?: boolean
}

class RedisIdempotency implements Idempotency {
  readonly #options
  readonly #client: CacheClient
  readonly #keyOf: (...parts: string[]) => string
  readonly #codec = responseCodec<RunMeta>()
  readonly #pending = new PendingReleases()

  constructor(given: IdempotencyOptions) {
    this.#options = readOptions('createIdempotency', idempotencyOptions, given)
    const { client } = this.#options
    this.#client = client
    this.#keyOf = createKeys(
      client.namespace,
      checkPrefix('prefix', this.#options.prefix, client.namespace),
    )
    closeWith(client, this.#pending)
  }

  async handle(
    request: Request,
    handler: IdempotentHandler,
    { body: given }: { readonly body?: Uint8Array } = {},
  ): Promise<Response> {
    const { methods, header, maxRequestBytes } = this.#options
    // A signal that all requests shared would keep what their handlers add to it.
    const { signal } = new AbortController()
    const unprotected = { key: undefined, attempt: 1, isProtected: false, signal }
    if (!methods.has(request.method)) return handler(request, unprotected)
    const field = request.headers.get(header)
    if (field === null) {
      return this.#options.required
        ? problem(400, 'Idempotency-Key is missing', `Send a new key in the header ${header}.`)
        : handler(request, unprotected)
    }
    const key = parseKey(field)
    if (key === undefined)
      return problem(
        400,
        'Idempotency-Key is invalid',
        'A key has 1 to 255 printable ASCII characters.',
      )
    const body = given ?? (await readRequestBody(request, maxRequestBytes))
    if (!body || body.byteLength > maxRequestBytes)
      return problem(
        413,
        'Content too large',
        `A request with a key has at most ${maxRequestBytes} bytes.`,
      )
    const scope: unknown = await this.#options.scope(request)
    if (typeof scope !== 'string')
      throw new UsageError(
        `"scope" must return a text, the one who sends the request, but returned ${typeof scope}.`,
      )
    const run = this.#runOf(scope, key)
    const asRead = given ? request : withBody(request, body)
    const fingerprint = fingerprintOf(request, body)
    const claimedAt = performance.now()
    const claim = await this.#claim(run, fingerprint)
    switch (claim?.status) {
      case undefined:
        return this.#options.onOutage === 'run'
          ? handler(asRead, { ...unprotected, key })
          : problem(503, 'Service unavailable', 'Try again with the same key.', RETRY)
      case 'started':
        return this.#run(run, claimedAt, (signal) =>
          handler(asRead, { key, attempt: claim.attempt, isProtected: true, signal }),
        )
      case 'done':
        return this.#replay(claim.response, run.keys[0])
      case 'running':
        return problem(
          409,
          'A request is outstanding for this Idempotency-Key',
          'Try again later with the same key.',
          RETRY,
        )
      case 'mismatch':
        return problem(
          422,
          'Idempotency-Key is already used',
          'The key was used for another request. Send a new key.',
        )
      case 'left':
        return problem(503, 'Service unavailable', 'Try again with the same key.', RETRY)
      case 'unknown':
        return problem(
          409,
          'The outcome of this Idempotency-Key is unknown',
          'An earlier request with the key ended without a response. Check whether it succeeded.',
        )
    }
  }

  wrap(handler: IdempotentHandler): (request: Request) => Promise<Response> {
    return (request) => this.handle(request, handler)
  }

  #runOf(scope: string, key: string): Run {
    const id = createHash('sha256')
      .update(JSON.stringify([scope, key]))
      .digest('base64url')
    const record = this.#keyOf(id)
    const token = createToken()
    const start = beside(record)
    return { keys: [record, `${start}:claim`], mark: `${start}:left:${token}`, token }
  }

  /** Returns `undefined` if Redis does not answer. */
  async #claim(run: Run, fingerprint: string): Promise<Claim | undefined> {
    const { ttl, claimTtl, afterCrash } = this.#options
    const { keys, mark, token } = run
    const refuses = afterCrash === 'refuse' ? '1' : '0'
    try {
      return await this.#client.run(
        claimScript,
        [...keys, mark],
        [token, fingerprint, String(claimTtl), String(Math.max(ttl, claimTtl)), refuses],
      )
    } catch (error) {
      this.#report('claim', keys[0], error)
      // The claim may have been made, or may still be.
      this.#releaseLater(run)
      return undefined
    }
  }

  async #run(
    run: Run,
    claimedAt: number,
    handler: (signal: AbortSignal) => Response | Promise<Response>,
  ): Promise<Response> {
    const lost = new AbortController()
    const hold = this.#renew(run, claimedAt, lost)
    try {
      const response = await handler(lost.signal)
      if (!this.#options.keep(response)) {
        hold.end() // Once the key is free, a renewal would find no claim.
        await this.#release(run)
        return response
      }
      return await this.#complete(run, response, hold)
    } finally {
      // After an error, nobody knows what the handler has done: the claim ends by itself.
      hold.end()
    }
  }

  async #complete(run: Run, response: Response, hold: RenewedHold): Promise<Response> {
    // The handler has answered. If its body breaks off, it has run nevertheless.
    let failure: unknown
    const read = await readBody(response, this.#options.maxBodyBytes).catch((error: unknown) => {
      failure = error
      return { rest: new Response(null, { status: 500 }) }
    })
    // Once the response is stored, a renewal would find no claim.
    hold.end()
    const isLost = 'rest' in read
    const { status, statusText } = response
    const stored: StoredResponse<RunMeta> = {
      status,
      statusText,
      headers: endToEnd(response.headers),
      body: isLost ? Buffer.alloc(0) : read.body,
      meta: { isLost },
    }
    const { keys, token } = run
    const payload = this.#codec.encode(stored, { key: keys[0], maxValueBytes: Infinity })
    const complete = (): Promise<boolean> =>
      this.#client.run(completeScript, keys, [token, String(this.#options.ttl), payload])
    try {
      if (!(await complete())) {
        if (isLost) discard(read.rest.body)
        return problem(
          409,
          'Another request with this Idempotency-Key has taken over',
          'Try again with the same key.',
          RETRY,
        )
      }
    } catch (error) {
      // The client gets its response. Until the response is stored, the claim holds off retries.
      this.#report('complete', keys[0], error)
      const bytes = keys[0].length + payload.length
      this.#pending.add({ key: keys[0], ttl: this.#options.ttl, bytes, release: complete })
    }
    if (failure !== undefined) throw failure
    return isLost ? read.rest : asResponse(stored)
  }

  #replay(payload: Buffer, key: string): Response {
    let stored: StoredResponse<RunMeta>
    try {
      stored = this.#codec.decode(payload, { key, maxValueBytes: Infinity })
    } catch (error) {
      this.#report('replay', key, error)
      return problem(409, 'The response cannot be read', 'The request was processed earlier.')
    }
    if (stored.meta.isLost)
      return problem(
        409,
        'The response could not be kept',
        `The request was processed earlier, with status ${stored.status}.`,
      )
    const response = asResponse(stored)
    response.headers.set('idempotency-replayed', 'true')
    return response
  }

  /** Frees a key for the next request. */
  async #release(run: Run): Promise<void> {
    try {
      await this.#sendRelease(run)
    } catch (error) {
      this.#report('release', run.keys[0], error)
      this.#releaseLater(run)
    }
  }

  #releaseLater(run: Run): void {
    this.#pending.add({
      key: run.keys[0],
      ttl: this.#options.ttl,
      release: () => this.#sendRelease(run),
    })
  }

  #sendRelease({ keys, mark, token }: Run): Promise<boolean> {
    return this.#client.run(releaseScript, [...keys, mark], [token, String(MARK_TTL)])
  }

  /** Renews a claim until it is ended, and aborts `lost` before another run can begin. */
  #renew({ keys, token }: Run, claimedAt: number, lost: AbortController): RenewedHold {
    const { ttl, claimTtl } = this.#options
    const args = [token, String(claimTtl), String(Math.max(ttl, claimTtl))]
    return new RenewedHold({
      ttl: claimTtl,
      requestedAt: claimedAt,
      renew: (timeout) => this.#client.run(renewScript, keys, args, { timeout }),
      onError: (error) => this.#report('renew', keys[0], error),
      onLost: (reason) => lost.abort(new ClaimLostError(keys[0], reason)),
      // The handler may not have stopped, and perhaps no other run has begun.
      renewsExpired: true,
    })
  }

  #report(operation: string, key: string, error: unknown): void {
    emit(channels.error, () => ({ operation: `idempotency ${operation}`, key, error }))
  }
}

/** The longest time that a command may be delayed, such as by a paused server. */
const MARK_TTL = 10 * 60_000

const RETRY = { 'retry-after': '1' }

function withBody(request: Request, body: Uint8Array): Request {
  if (request.body === null) return request
  return new Request(request.url, {
    method: request.method,
    headers: request.headers,
    body: new Uint8Array(body),
    signal: request.signal,
  })
}

function asResponse({ status, statusText, headers, body }: StoredResponse<RunMeta>): Response {
  return new Response(hasNoBody(status) ? null : new Uint8Array(body), {
    status,
    statusText,
    headers: headers as [string, string][],
  })
}
