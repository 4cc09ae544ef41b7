import type { CacheStats } from '@cache/core'

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>

/**
 * A shared cache of HTTP responses in Redis, which follows RFC 9111. It guarantees that
 *
 * - what belongs to one visitor is not stored: see the option `credentials`;
 * - a request that begins after a purge was acknowledged never gets a response that was rendered
 *   before, from any process;
 * - one request of all processes renders a cold or stale page, within `waitFor`;
 * - requests are rendered while Redis is down.
 */
export interface HttpCache {
  /**
   * Answers a request from the cache, or with the handler. `background` renders a stale page again
   * after the request was answered; by default, that is the handler too. Rejects with the
   * handler's error.
   */
  handle(
    request: Request,
    handler: Handler,
    options?: { readonly background?: Handler },
  ): Promise<Response>
  /** Returns a handler that answers from this cache, or with `handler`. */
  wrap(handler: Handler): Handler
  /**
   * Makes all pages with one of these tags invalid. Rejects if Redis does not answer: the pages may
   * then still be served.
   */
  purgeTags(tags: string | readonly string[]): Promise<void>
  /**
   * Makes all pages of these URLs invalid, with any query and in all variants. Pass absolute URLs:
   * pages of two hosts are different pages. Rejects if Redis does not answer.
   *
   * @throws {UsageError} for a URL that is not absolute.
   */
  purgeUrls(urls: string | readonly string[]): Promise<void>
  /** Returns counters of this process. */
  stats(): CacheStats
  /** Resolves when no page is rendered in the background. */
  idle(): Promise<void>
}
