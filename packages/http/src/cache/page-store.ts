import type { CacheClient, CacheStats } from '@cache/core'
import { ReadOutage } from '@cache/core/internal'
import { createVersioned, type GroupVersions, type Versioned } from '@cache/versioning'
import { responseCodec } from '../stored-response.js'
import { purgesGroup, tagGroup } from './page-groups.js'
import type { PageKey } from './page-key.js'
import { foundPage, type FoundPage, type Page, type PageMeta } from './page.js'
import type { Report } from './report.js'

export interface PageStoreOptions {
  readonly client: CacheClient
  readonly prefix: string
  readonly maxTtl: number
  readonly keepStale: number
  readonly maxBodyBytes: number
  readonly waitFor: number
  readonly leaseTtl: number
}

/**
 * Renders the page of a key, for all requests that wait for it. `stale` is the page that is being
 * replaced. Resolves to `null` if the response belongs to one request only: for 1 s, other requests
 * of the key do not wait for each other.
 */
export type RenderPage = (stale: Page | undefined) => Promise<Page | null>

interface PageRequest {
  readonly key: PageKey
  readonly outage: ReadOutage
  readonly render: RenderPage
}

/**
 * The pages in Redis. Each belongs to the group of its path, and to one for each of its tags. A
 * purge bumps groups: pages from before that are not found any more, and what is being rendered is
 * not stored.
 */
export class PageStore {
  readonly #prefix: string
  readonly #report: Report
  readonly #pages: Versioned<Page | null, PageRequest>
  /** Stale pages, for requests whose rendering failed. */
  readonly #instead = new WeakSet<Page>()

  constructor(options: PageStoreOptions, report: Report) {
    const { client, prefix, maxTtl, keepStale, maxBodyBytes, waitFor, leaseTtl } = options
    this.#prefix = prefix
    this.#report = report
    this.#pages = createVersioned<Page | null, PageRequest>({
      client,
      prefix,
      key: ({ key }) => key.parts,
      groups: ({ key }, page) => [
        key.pathGroup,
        ...(page?.meta.tags ?? []).map((tag) => tagGroup(prefix, tag)),
      ],
      ttl: ({ meta }) => meta.freshFor,
      load: (request, { stale, skip }) => this.#load(request, stale ?? undefined, skip),
      codec: responseCodec<PageMeta>(),
      maxValueBytes: maxBodyBytes + MAX_HEAD_BYTES,
      staleIfError: keepStale,
      versionTtl: 2 * (maxTtl + keepStale) + 60_000,
      waitFor,
      leaseTtl,
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

  /** Returns the page of a key, fresh or stale; none if Redis does not answer. */
  async find(key: PageKey, outage: ReadOutage): Promise<FoundPage | undefined> {
    if (outage.down) return undefined
    const found = await this.#pages.inspect({ key, outage, render: neverRenders }, { outage })
    return found?.value ? foundPage(found.value, found.freshFor) : undefined
  }

  /**
   * Returns the page of a key: from `render`, or from the request of any process that renders it
   * now. `null` if that response was not a page. If rendering fails, the requests that waited get
   * the stale page; see `isInstead`.
   */
  async render(key: PageKey, outage: ReadOutage, render: RenderPage): Promise<Page | null> {
    return this.#pages.get({ key, outage, render }, { outage })
  }

  /** Returns whether `render` has returned this page because the rendering failed. */
  isInstead(page: Page): boolean {
    return this.#instead.has(page)
  }

  /** Drops the page of a key. */
  async drop(key: PageKey): Promise<void> {
    await this.#pages.invalidate({ key, outage: new ReadOutage(), render: neverRenders })
  }

  /** Makes all pages of these groups invalid. */
  async purge(groups: readonly string[]): Promise<void> {
    if (groups.length === 0) return
    // A page that is being rendered notices this, if it learns its tags only then.
    await this.#pages.bump(this.#purgesGroup)
    await this.#pages.bump(groups)
  }

  stats(): CacheStats {
    return this.#pages.stats()
  }

  idle(): Promise<void> {
    return this.#pages.idle()
  }

  async #load(
    request: PageRequest,
    stale: Page | undefined,
    skip: () => void,
  ): Promise<Page | null> {
    const { key, outage, render } = request
    const before = outage.down
      ? undefined
      : await this.#versions([key.pathGroup, this.#purgesGroup])
    let page: Page | null
    try {
      page = await render(stale)
    } catch (error) {
      if (stale) this.#instead.add(stale)
      throw error
    }
    if (!page) skip()
    else if (page.meta.tags.length > 0 && before) await this.#storeTagged(request, page, before)
    return page
  }

  /**
   * Stores a page with the versions of tags that it was the first to have. The read path does not
   * know these versions, since the tags were not known before the page was rendered. They are right
   * if nothing was purged meanwhile.
   */
  async #storeTagged(request: PageRequest, page: Page, before: GroupVersions): Promise<void> {
    const tags = page.meta.tags.map((tag) => tagGroup(this.#prefix, tag))
    const versions = await this.#versions(tags)
    const after = versions && (await this.#versions([this.#purgesGroup]))
    if (after?.get(this.#purgesGroup) !== before.get(this.#purgesGroup)) return
    try {
      await this.#pages.set(request, page, { versions: new Map([...before, ...versions!]) })
    } catch (error) {
      this.#report('store', error)
    }
  }

  get #purgesGroup(): string {
    return purgesGroup(this.#prefix)
  }

  async #versions(groups: readonly string[]): Promise<GroupVersions | undefined> {
    try {
      return await this.#pages.versions(groups)
    } catch (error) {
      this.#report('versions', error)
      return undefined
    }
  }
}

/** The largest head of a stored page: its headers, tags and lifetimes. */
const MAX_HEAD_BYTES = 256 * 1024

function neverRenders(): never {
  throw new Error('This does not render.')
}
