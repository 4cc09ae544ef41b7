/** What a handler knows about its run. */
export interface IdempotencyContext {
  /** The key that the client sent. `undefined` if it sent none, or none applies to its method. */
  readonly key: string | undefined
  /**
   * The number of the run of this key: more than 1 if earlier runs ended without a result. Such a
   * run may have changed something: look for it before you change it again. The numbers of a key
   * rise, so that a resource can refuse an earlier run.
   */
  readonly attempt: number
  /** Whether other requests with the key are kept from running. `false` in an outage of Redis. */
  readonly isProtected: boolean
  /**
   * Aborts with a `ClaimLostError` before another run of the key can begin: if Redis has not
   * confirmed a renewal for nearly `claimTtl`, or if another run has taken over. Pass it to what
   * the handler calls. It never aborts if the run is not protected.
   */
  readonly signal: AbortSignal
}

/** A handler that runs once for all requests with the same key. */
export type IdempotentHandler = (
  request: Request,
  context: IdempotencyContext,
) => Response | Promise<Response>

/**
 * Runs a handler once for all requests with the same Idempotency-Key. It guarantees that
 *
 * - while a run goes on, and for `claimTtl` after its process died, no other run of its key begins,
 *   in any process;
 * - a run whose claim may end learns it before, by its `signal`;
 * - a run that has a response is never repeated, for `ttl`; retries get the same response;
 * - a run that was overtaken cannot store its response;
 * - a key with another request gets 422.
 *
 * Source: draft-ietf-httpapi-idempotency-key-header
 */
export interface Idempotency {
  /**
   * Answers a request with the handler, or with what it has answered before. Pass `body` if the
   * body of the request was read already. Rejects with the handler's error.
   */
  handle(
    request: Request,
    handler: IdempotentHandler,
    options?: { readonly body?: Uint8Array },
  ): Promise<Response>
  /** Returns a handler that runs `handler` once for each key. */
  wrap(handler: IdempotentHandler): (request: Request) => Promise<Response>
}
