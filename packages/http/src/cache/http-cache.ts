import type { CacheStats } from '@cache/core'
import { checkPrefix, readOptions, ReadOutage } from '@cache/core/internal'
import { discard } from '../discard.js'
import { hit, respond, staleInstead, type Answer } from './answer.js'
import { BackgroundRenders } from './background-renders.js'
import type { Forwarded } from './cache-status.js'
import { findPage } from './find-page.js'
import { httpCacheOptions, type HttpCacheOptions } from './options.js'
import { groupsOfTags, groupsOfUrls, urlsChangedBy } from './page-groups.js'
import { keyOfRequest, keyOfVariant, keyText, type PageKey } from './page-key.js'
import { PageStore } from './page-store.js'
import { foundPage, freshFor, mayServeInstead, mayServeMeanwhile, type FoundPage } from './page.js'
import type { OwnResponse, Rendering } from './render.js'
import { renderAlone } from './render-alone.js'
import { renderShared, type SharedRendering, type SharedRequest } from './render-shared.js'
import { reportFor, type Report } from './report.js'
import type { Handler, HttpCache } from './types.js'
import { UnsharedKeys } from './unshared-keys.js'
import { fits } from './vary.js'

/**
 * Creates a shared cache of HTTP responses in Redis, for handlers of web-standard requests. See
 * `@cache/http/express`, `/fastify` and `/hono` for servers.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const cache = createHttpCache({ client, prefix: 'pages' })
 * export default { fetch: cache.wrap(handler) }
 */
export function createHttpCache(options: HttpCacheOptions): HttpCache {
  return new RedisHttpCache(options)
}

class RedisHttpCache implements HttpCache {
  readonly #rules
  readonly #report: Report
  readonly #store: PageStore
  readonly #unshared = new UnsharedKeys()
  readonly #background: BackgroundRenders

  constructor(given: HttpCacheOptions) {
    const options = readOptions('createHttpCache', httpCacheOptions, given)
    const prefix = checkPrefix('prefix', options.prefix, options.client.namespace)
    this.#rules = { ...options, prefix }
    this.#report = reportFor(prefix)
    this.#store = new PageStore(this.#rules, this.#report)
    this.#background = new BackgroundRenders(this.#rules, this.#report)
  }

  async handle(
    request: Request,
    handler: Handler,
    { background = handler }: { readonly background?: Handler } = {},
  ): Promise<Response> {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const answer = !isRead
      ? await this.#change(request, handler)
      : request.headers.has('range') || this.#skips(request)
        ? { response: await handler(request), status: { fwd: 'bypass' as const } }
        : await this.#read(request, handler, background)
    return respond(request, answer, this.#rules)
  }

  wrap(handler: Handler): Handler {
    return (request) => this.handle(request, handler)
  }

  async purgeTags(tags: string | readonly string[]): Promise<void> {
    await this.#store.purge(groupsOfTags(this.#rules.prefix, tags))
  }

  async purgeUrls(urls: string | readonly string[]): Promise<void> {
    await this.#store.purge(groupsOfUrls(this.#rules.prefix, urls))
  }

  stats(): CacheStats {
    return this.#store.stats()
  }

  async idle(): Promise<void> {
    await this.#background.idle()
    await this.#store.idle()
  }

  /** Answers with a stored page, or else with one that is rendered for all who wait for it. */
  async #read(request: Request, handler: Handler, background: Handler): Promise<Answer> {
    const outage = new ReadOutage()
    const onError = (error: unknown): void => this.#report('load', error)
    let key = keyOfRequest(request, this.#rules)
    let forwarded: Forwarded = 'uri-miss'
    let found: FoundPage | undefined
    // The rendering of another request may turn out to be another variant.
    for (let attempt = 0; attempt < 2; attempt++) {
      const lookup = await findPage(request, key, (at) => this.#store.find(at, outage))
      ;({ key } = lookup)
      if (lookup.isVariant) forwarded = 'vary-miss'
      if (lookup.isTaken) break
      ;({ found } = lookup)
      if (found) {
        if (freshFor(found) > 0) return hit(found)
        forwarded = 'stale'
        if (mayServeMeanwhile(found)) {
          this.#refresh({ key, request, handler: background, found, outage })
          return hit(found)
        }
      }
      if (request.method === 'HEAD' || this.#unshared.has(key)) break
      const { rendering, page } = await this.#share({
        key,
        request,
        handler,
        found,
        outage,
        onError,
      })
      if (rendering) {
        if (rendering.kind === 'response') await this.#dropIfGone(found, key, rendering.response)
        return answerOf(rendering, forwarded, { found, stored: page !== null && !outage.down })
      }
      if (!page) break
      if (this.#store.isInstead(page)) {
        if (!mayServeInstead(found)) break
        return staleInstead(found, { collapsed: true })
      }
      if (fits(page, request))
        return { found: foundPage(page), status: { fwd: forwarded, collapsed: true } }
      key = keyOfVariant(key, page, request)
      forwarded = 'vary-miss'
    }
    const answer = await renderAlone(
      { key, request, handler, forwarded, found, onError },
      { unshared: this.#unshared, rules: this.#rules },
    )
    if ('response' in answer) await this.#dropIfGone(found, key, answer.response)
    return answer
  }

  /** Drops a stale page whose URL has nothing any more, so that no failure brings it back. */
  async #dropIfGone(
    found: FoundPage | undefined,
    key: PageKey,
    { status }: Response,
  ): Promise<void> {
    if (found && isGone(status))
      await this.#store.drop(key).catch((error: unknown) => this.#report('drop', error))
  }

  #share(request: SharedRequest): Promise<SharedRendering> {
    return renderShared(request, {
      store: this.#store,
      unshared: this.#unshared,
      rules: this.#rules,
    })
  }

  /** Renders a stale page again, after the request was answered. */
  #refresh(stale: Omit<SharedRequest, 'onError'>): void {
    const onError = (error: unknown): void => this.#report('background', error)
    this.#background.start(keyText(stale.key), async () => {
      const { rendering } = await this.#share({ ...stale, onError })
      if (rendering?.kind === 'error') throw rendering.error
      if (rendering?.kind !== 'response') return
      discard(rendering.response.body)
      if (hasReplaced(rendering)) await this.#store.drop(stale.key)
    })
  }

  /** Runs a handler that may change something, and purges the pages of what it has changed. */
  async #change(request: Request, handler: Handler): Promise<Answer> {
    const response = await handler(request)
    try {
      await this.purgeUrls(urlsChangedBy(request, response))
    } catch (error) {
      this.#report('purge', error)
    }
    return { response, status: { fwd: 'method' } }
  }

  #skips(request: Request): boolean {
    try {
      return this.#rules.skip(request)
    } catch (error) {
      this.#report('skip', error)
      return false
    }
  }
}

/** Returns what the request gets that called the handler. Throws what the handler has thrown. */
function answerOf(
  rendering: Rendering,
  forwarded: Forwarded,
  { found, stored }: { readonly found: FoundPage | undefined; readonly stored: boolean },
): Answer {
  switch (rendering.kind) {
    case 'page': {
      const status = { fwd: forwarded, fwdStatus: rendering.status, stored }
      return { found: foundPage(rendering.page), status }
    }
    case 'response': {
      const { response, detail } = rendering
      return { response, status: { fwd: forwarded, ...(detail && { detail }) } }
    }
    case 'failed':
      return staleInstead(found!, { fwdStatus: rendering.status })
    case 'error':
      throw rendering.error
  }
}

/** Whether a stale page is outdated: its URL has another response now, or none. */
function hasReplaced({ response: { status }, detail }: OwnResponse): boolean {
  return (status < 400 || isGone(status)) && detail !== 'incomplete'
}

function isGone(status: number): boolean {
  return status === 404 || status === 410
}
