import { createHash } from 'node:crypto'
import { channels, UsageError, type CacheStats } from '@cache/core'
import { checkPrefix, emit, readOptions, ReadOutage, RecentMap } from '@cache/core/internal'
import { createVersioned, type GroupVersions, type Versioned } from '@cache/versioning'
import { discard } from '../discard.js'
import { endToEnd, hasNoBody } from '../headers.js'
import { readBody } from '../read-body.js'
import { responseCodec } from '../stored-response.js'
import { formatCacheStatus, type CacheStatus, type Forwarded } from './cache-status.js'
import { lifetimeOf, type CacheRules, type Lifetime } from './cacheable.js'
import { asForwarded, asFreshened, isConditional } from './forward.js'
import { httpCacheOptions, type HttpCacheOptions } from './options.js'
import { freshened, respondWith, type FoundPage, type Page, type PageMeta } from './page.js'
import { pathGroup, purgesGroup, requestKey, tagGroup, type RequestKey } from './request-key.js'
import type { Handler, HttpCache } from './types.js'
import { fits, variantKey, varyOf } from './vary.js'

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

/** A request on its way to a page. */
interface Job {
  readonly key: RequestKey
  readonly request: Request
  readonly handler: Handler
  readonly forwarded: Forwarded
  /** The stale page that the request may still get. */
  readonly found: FoundPage | undefined
  /** Whether Redis has failed to answer for this request. */
  readonly outage: ReadOutage
  /** What became of the handler, if it was called for this request. */
  outcome?: Outcome
}

type Outcome =
  | { readonly kind: 'page'; readonly page: Page; readonly status: number }
  /** The response belongs to this request only. */
  | { readonly kind: 'response'; readonly response: Response; readonly detail?: string }
  | { readonly kind: 'error'; readonly error: unknown }
  /** The handler failed, and the stale page may be served instead. */
  | { readonly kind: 'failed'; readonly status: number | undefined }

class RedisHttpCache implements HttpCache {
  readonly #options
  readonly #rules: CacheRules
  readonly #pages: Versioned<Page | null, Job>
  /** Until when the responses of a key count as private, by the monotonic clock. */
  readonly #unshared = new RecentMap<number>({ max: 10_000, maxBytes: 4 * 1024 ** 2 })
  /** The keys of the pages that this process renders in the background. */
  readonly #refreshing = new Map<string, Promise<unknown>>()

  constructor(given: HttpCacheOptions) {
    const options = readOptions('createHttpCache', httpCacheOptions, given)
    const { client, maxTtl, keepStale } = options
    const prefix = checkPrefix('prefix', options.prefix, client.namespace)
    this.#options = { ...options, prefix }
    this.#rules = options
    this.#pages = createVersioned<Page | null, Job>({
      client,
      prefix,
      key: ({ key }) => key.parts,
      groups: ({ key }, page) => [
        key.pathGroup,
        ...(page?.meta.tags ?? []).map((tag) => tagGroup(prefix, tag)),
      ],
      ttl: ({ meta }) => meta.freshFor,
      load: (job, { stale, skip }) => this.#load(job, stale ?? undefined, skip),
      codec: responseCodec<PageMeta>(),
      maxValueBytes: options.maxBodyBytes + 256 * 1024,
      staleIfError: keepStale,
      versionTtl: 2 * (maxTtl + keepStale) + 60_000,
      waitFor: options.waitFor,
      leaseTtl: options.leaseTtl,
      // The defaults of the client are for caches of data. Responses say what they allow.
      staleWhileRevalidate: false,
      negativeTtl: false,
      errorTtl: false,
      earlyRefresh: false,
      jitter: 0,
      stampede: 'lease',
      loadTimeout: {},
    })
  }

  async handle(
    request: Request,
    handler: Handler,
    { background = handler }: { readonly background?: Handler } = {},
  ): Promise<Response> {
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') return this.#change(request, handler)
    if (request.headers.has('range') || this.#skips(request))
      return this.#forward(request, handler, { fwd: 'bypass' })
    const outage = new ReadOutage()
    let key = requestKey(request, { ...this.#options, keyOf: this.#options.key })
    let forwarded: Forwarded = 'uri-miss'
    let stale: FoundPage | undefined
    // A key leads to a page. If that is another variant, its Vary leads to the right one.
    for (let attempt = 0; attempt < 2; attempt++) {
      let found = await this.#find({ key, request }, outage)
      if (found && !fits(found.page, request)) {
        key = keyOfVariant(key, found.page, request)
        forwarded = 'vary-miss'
        found = await this.#find({ key, request }, outage)
        if (found && !fits(found.page, request)) break
      }
      stale = found
      if (found) {
        if (found.freshFor > 0)
          return this.#respond(request, found, { hit: true, ttl: found.freshFor / 1_000 })
        forwarded = 'stale'
        if (-found.freshFor < found.page.meta.staleWhileRevalidate) {
          this.#refresh({ key, request, handler: background, forwarded, found, outage })
          return this.#respond(request, found, { hit: true, ttl: found.freshFor / 1_000 })
        }
      }
      if (method === 'HEAD' || this.#isUnshared(key)) break
      const job: Job = { key, request, handler, forwarded, found, outage }
      const page = await this.#pages.get(job, { outage }).catch((error: unknown) => {
        // Only the process that called the handler knows its error. The others ask it themselves.
        this.#report('load', error)
        return null
      })
      const { outcome } = job
      if (outcome?.kind === 'error') throw outcome.error
      if (outcome?.kind === 'response')
        return this.#pass(outcome.response, {
          fwd: forwarded,
          ...(outcome.detail && { detail: outcome.detail }),
        })
      if (outcome?.kind === 'failed' && found)
        return this.#respondInstead(request, found, outcome.status)
      if (outcome?.kind === 'page')
        return this.#respond(request, asRendered(outcome.page), {
          fwd: forwarded,
          fwdStatus: outcome.status,
          stored: page !== null && !outage.down,
        })
      if (!page) break
      if (fits(page, request))
        return this.#respond(request, asRendered(page), { fwd: forwarded, collapsed: true })
      key = keyOfVariant(key, page, request)
      forwarded = 'vary-miss'
    }
    return this.#renderAlone({ key, request, handler, forwarded, found: stale, outage })
  }

  wrap(handler: Handler): Handler {
    return (request) => this.handle(request, handler)
  }

  async purgeTags(tags: string | readonly string[]): Promise<void> {
    const { prefix } = this.#options
    // A tag with spaces or commas in the header has become several.
    const all = [tags].flat().flatMap((tag) => [checkTag(tag), ...tagsIn(tag)])
    const groups = Array.from(new Set(all), (tag) => tagGroup(prefix, tag))
    if (groups.length > 0) await this.#purge(groups)
  }

  async purgeUrls(urls: string | readonly string[]): Promise<void> {
    const groups = [urls].flat().map((url) => {
      if (!URL.canParse(url))
        throw new UsageError(`purgeUrls() needs absolute URLs, but got ${JSON.stringify(url)}.`)
      const { host, pathname } = new URL(url)
      return pathGroup(this.#options.prefix, host, pathname)
    })
    if (groups.length > 0) await this.#purge(groups)
  }

  stats(): CacheStats {
    return this.#pages.stats()
  }

  async idle(): Promise<void> {
    await Promise.all(this.#refreshing.values())
    await this.#pages.idle()
  }

  /** A page that is being rendered notices the first bump, if it learns its tags only then. */
  async #purge(groups: readonly string[]): Promise<void> {
    await this.#pages.bump(purgesGroup(this.#options.prefix))
    await this.#pages.bump(groups)
  }

  async #find(
    { key, request }: Pick<Job, 'key' | 'request'>,
    outage: ReadOutage,
  ): Promise<FoundPage | undefined> {
    if (outage.down) return undefined
    const found = await this.#pages.inspect(
      { key, request, handler: unreachable, forwarded: 'bypass', found: undefined, outage },
      { outage },
    )
    return found?.value ? { page: found.value, freshFor: found.freshFor } : undefined
  }

  /** Runs the handler for all requests that wait for this page. */
  async #load(job: Job, stale: Page | undefined, skip: () => void): Promise<Page | null> {
    const notShared = (outcome: Outcome): null => {
      job.outcome = outcome
      this.#unshared.set(job.key.parts.join(' '), performance.now() + UNSHARED_FOR)
      skip()
      return null
    }
    const before = job.outage.down
      ? undefined
      : await this.#versions([job.key.pathGroup, this.#purgesGroup])
    let page: Page
    try {
      const sent = asForwarded(job.request, stale)
      const response = await job.handler(sent)
      if (isServerError(response.status) && this.#mayServeStale(job)) {
        job.outcome = { kind: 'failed', status: response.status }
        discard(response.body)
        throw new HandlerFailed(response.status)
      }
      const isRevalidated = response.status === 304 && stale !== undefined && isConditional(sent)
      const asPage = isRevalidated ? asFreshened(stale, response) : response
      const lifetime = lifetimeOf(job.request, asPage, this.#rules)
      if (isRevalidated) {
        if (!lifetime) return notShared({ kind: 'response', response: asPage })
        page = freshened(stale, response.headers, lifetime)
      } else {
        if (!lifetime) return notShared({ kind: 'response', response })
        const read = await readBody(response, this.#options.maxBodyBytes)
        if ('rest' in read)
          return notShared({ kind: 'response', response: read.rest, detail: read.why })
        page = this.#pageOf(job.request, response, read.body, lifetime)
      }
      job.outcome = { kind: 'page', page, status: response.status }
    } catch (error) {
      if (error instanceof HandlerFailed) throw error
      if (this.#mayServeStale(job)) {
        job.outcome = { kind: 'failed', status: undefined }
        throw error
      }
      return notShared({ kind: 'error', error })
    }
    this.#unshared.delete(job.key.parts.join(' '))
    if (page.meta.tags.length > 0 && before) await this.#storeTagged(job, page, before)
    return page
  }

  #pageOf(request: Request, response: Response, body: Buffer, lifetime: Lifetime): Page {
    const { status, statusText } = response
    const headers = new Headers(response.headers)
    if (!headers.has('date')) headers.set('date', new Date().toUTCString())
    const hasOwnEtag = !headers.has('etag') && status === 200
    if (hasOwnEtag) headers.set('etag', etagOf(body))
    return {
      status,
      statusText,
      headers: endToEnd(headers, new Set([this.#options.tagHeader, 'content-length', 'age'])),
      body: hasNoBody(status) ? Buffer.alloc(0) : body,
      meta: {
        ...lifetime,
        tags: this.#tagsOf(request, response),
        vary: varyOf(request, headers.get('vary')),
        hasOwnEtag,
      },
    }
  }

  #tagsOf(request: Request, response: Response): string[] {
    const fromHeader = tagsIn(response.headers.get(this.#options.tagHeader) ?? '')
    return [...new Set([...fromHeader, ...this.#options.tags(request, response)])]
  }

  /**
   * Stores a page with the versions of tags that it was the first to have. The read path does not
   * know these versions, since the tags were not known before the page was rendered. They are right
   * if nothing was purged meanwhile.
   */
  async #storeTagged(job: Job, page: Page, before: GroupVersions): Promise<void> {
    const { prefix } = this.#options
    const tags = page.meta.tags.map((tag) => tagGroup(prefix, tag))
    const versions = await this.#versions(tags)
    const after = versions && (await this.#versions([this.#purgesGroup]))
    if (after?.get(this.#purgesGroup) !== before.get(this.#purgesGroup)) return
    try {
      await this.#pages.set(job, page, { versions: new Map([...before, ...versions!]) })
    } catch (error) {
      this.#report('store', error)
    }
  }

  get #purgesGroup(): string {
    return purgesGroup(this.#options.prefix)
  }

  async #versions(groups: readonly string[]): Promise<GroupVersions | undefined> {
    try {
      return await this.#pages.versions(groups)
    } catch (error) {
      this.#report('versions', error)
      return undefined
    }
  }

  #mayServeStale({ found }: Job): boolean {
    return found !== undefined && -found.freshFor < found.page.meta.staleIfError
  }

  /** Renders a stale page again, after the request was answered. */
  #refresh(job: Job): void {
    const id = job.key.parts.join(' ')
    if (this.#refreshing.has(id)) return
    const work = this.#pages
      .get(job)
      .then(() => {
        if (job.outcome?.kind === 'response') discard(job.outcome.response.body)
      })
      .catch((error: unknown) => this.#report('background', error))
      .finally(() => this.#refreshing.delete(id))
    this.#refreshing.set(id, work)
    this.#options.waitUntil?.(work)
  }

  /**
   * Renders for one request only. If the response could have been stored, later requests of the key
   * share their renderings again.
   */
  async #renderAlone(job: Job): Promise<Response> {
    const { key, request, handler, forwarded, found } = job
    const mayServeStale = this.#mayServeStale(job)
    let response: Response
    try {
      response = await handler(request)
    } catch (error) {
      if (!mayServeStale) throw error
      this.#report('load', error)
      return this.#respondInstead(request, found!, undefined)
    }
    if (isServerError(response.status) && mayServeStale) {
      discard(response.body)
      return this.#respondInstead(request, found!, response.status)
    }
    if (request.method === 'GET' && lifetimeOf(request, response, this.#rules))
      this.#unshared.delete(key.parts.join(' '))
    return this.#pass(response, { fwd: forwarded })
  }

  /** Responds with a stale page, because the handler has failed. */
  #respondInstead(request: Request, found: FoundPage, status: number | undefined): Response {
    return this.#respond(request, found, {
      fwd: 'stale',
      ttl: found.freshFor / 1_000,
      fwdStatus: status,
      detail: 'stale-if-error',
    })
  }

  /** Runs a handler that may change something, and purges the pages of its URL (RFC 9111, §4.4). */
  async #change(request: Request, handler: Handler): Promise<Response> {
    const isSafe = ['OPTIONS', 'TRACE'].includes(request.method)
    const response = await handler(request)
    if (!isSafe && response.status < 400) {
      const base = new URL(request.url)
      const urls = [
        base,
        ...['location', 'content-location'].flatMap((name) => {
          const value = response.headers.get(name)
          return value !== null && URL.canParse(value, base.href) ? [new URL(value, base)] : []
        }),
      ].filter(({ host }) => host === base.host)
      try {
        await this.purgeUrls(urls.map(({ href }) => href))
      } catch (error) {
        this.#report('purge', error)
      }
    }
    return this.#pass(response, { fwd: 'method' })
  }

  async #forward(request: Request, handler: Handler, status: CacheStatus): Promise<Response> {
    return this.#pass(await handler(request), status)
  }

  /** Returns the response of a handler, with Cache-Status and without tags. */
  #pass(response: Response, status: CacheStatus): Response {
    const headers = new Headers(response.headers)
    headers.delete(this.#options.tagHeader)
    headers.append('cache-status', formatCacheStatus(this.#options.name, status))
    return new Response(hasNoBody(response.status) ? null : response.body, {
      status: response.status,
      statusText: response.statusText,
      headers,
    })
  }

  #respond(request: Request, found: FoundPage, status: CacheStatus): Response {
    return respondWith(request, found, formatCacheStatus(this.#options.name, status))
  }

  #skips(request: Request): boolean {
    try {
      return this.#options.skip(request)
    } catch (error) {
      this.#report('skip', error)
      return false
    }
  }

  #isUnshared({ parts }: RequestKey): boolean {
    return (this.#unshared.get(parts.join(' ')) ?? 0) > performance.now()
  }

  #report(operation: string, error: unknown): void {
    emit(channels.error, () => ({
      operation: `http ${operation}`,
      key: this.#options.prefix,
      error,
    }))
  }
}

/**
 * For this long after a response that is not shared, requests of its key do not wait for each
 * other. They would all have to render for themselves after that.
 */
const UNSHARED_FOR = 10_000

class HandlerFailed extends Error {
  constructor(status: number) {
    super(`The handler answered with status ${status}.`)
  }
}

function asRendered(page: Page): FoundPage {
  return { page, freshFor: page.meta.freshFor }
}

function keyOfVariant(key: RequestKey, page: Page, request: Request): RequestKey {
  return { ...key, parts: [...key.parts.slice(0, 3), variantKey(page, request)] }
}

/** Statuses for which a stale page may be served instead (RFC 5861, §4). */
function isServerError(status: number): boolean {
  return [500, 502, 503, 504].includes(status)
}

function etagOf(body: Buffer): string {
  return `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
}

/** Returns the tags that a header lists. */
function tagsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((tag) => tag !== '')
}

function checkTag(tag: unknown): string {
  if (typeof tag !== 'string' || tag === '')
    throw new UsageError(`purgeTags() needs tags, non-empty strings, but got ${typeof tag}.`)
  return tag
}

function unreachable(): never {
  throw new UsageError('inspect() does not render')
}
