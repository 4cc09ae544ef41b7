import { discard } from '../discard.js'
import { readBody } from '../read-body.js'
import { lifetimeOf, type CacheRules } from './cacheable.js'
import { asForwarded, isConditional } from './forward.js'
import { freshened } from './freshen.js'
import { makePage, type PageRules } from './make-page.js'
import type { Page } from './page.js'
import type { Handler } from './types.js'

export interface RenderRules extends CacheRules, PageRules {
  readonly maxBodyBytes: number
}

/** What became of a call of the handler. */
export type Rendering =
  | { readonly kind: 'page'; readonly page: Page; readonly status: number }
  | OwnResponse
  | { readonly kind: 'error'; readonly error: unknown }
  /** The handler failed, and the stale page may be served instead. */
  | { readonly kind: 'failed'; readonly status: number | undefined; readonly error: unknown }

/** The response belongs to this request only. */
export interface OwnResponse {
  readonly kind: 'response'
  readonly response: Response
  /** Why its body was not stored. */
  readonly detail?: 'too-large' | 'incomplete'
}

/** Calls the handler for all requests that may get the same response. */
export async function render(
  {
    request,
    handler,
    stale,
    mayServeStale,
  }: {
    readonly request: Request
    readonly handler: Handler
    /** The page that is being replaced. The handler is asked whether it has changed. */
    readonly stale: Page | undefined
    /** Returns whether a stale page may be served now that the handler has failed. */
    readonly mayServeStale: () => boolean
  },
  rules: RenderRules,
): Promise<Rendering> {
  try {
    const sent = asForwarded(request, stale)
    const response = await handler(sent)
    const { status } = response
    if (isServerError(status) && mayServeStale()) {
      discard(response.body)
      const error = new Error(`The handler answered with status ${status}.`)
      return { kind: 'failed', status, error }
    }
    return status === 304 && stale !== undefined && isConditional(sent)
      ? fromNotModified(request, stale, response, rules)
      : await fromResponse(request, response, rules)
  } catch (error) {
    return mayServeStale() ? { kind: 'failed', status: undefined, error } : { kind: 'error', error }
  }
}

/** Statuses for which a stale page may be served instead (RFC 5861, §4). */
export function isServerError(status: number): boolean {
  return [500, 502, 503, 504].includes(status)
}

async function fromResponse(
  request: Request,
  response: Response,
  rules: RenderRules,
): Promise<Rendering> {
  const lifetime = lifetimeOf(request, response, rules)
  if (!lifetime) return { kind: 'response', response }
  const read = await readBody(response, rules.maxBodyBytes)
  if ('rest' in read) return { kind: 'response', response: read.rest, detail: read.why }
  const page = makePage(request, response, { body: read.body, lifetime }, rules)
  return { kind: 'page', page, status: response.status }
}

function fromNotModified(
  request: Request,
  stale: Page,
  notModified: Response,
  rules: RenderRules,
): Rendering {
  const response = freshened(stale, notModified)
  const lifetime = lifetimeOf(request, response, rules)
  if (!lifetime) return { kind: 'response', response }
  const page = makePage(request, response, { body: stale.body, lifetime }, rules)
  const { tags } = notModified.headers.has(rules.tagHeader) ? page.meta : stale.meta
  const { hasOwnEtag } = stale.meta
  return { kind: 'page', page: { ...page, meta: { ...page.meta, tags, hasOwnEtag } }, status: 304 }
}
