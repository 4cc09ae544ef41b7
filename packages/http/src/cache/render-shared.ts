import type { ReadOutage } from '@cache/core/internal'
import type { PageKey } from './page-key.js'
import type { PageStore } from './page-store.js'
import { mayServeInstead, type FoundPage, type Page } from './page.js'
import { render, type Rendering, type RenderRules } from './render.js'
import type { Handler } from './types.js'
import type { UnsharedKeys } from './unshared-keys.js'
import { fits } from './vary.js'

/** A request that shares its rendering with others. */
export interface SharedRequest {
  readonly key: PageKey
  readonly request: Request
  readonly handler: Handler
  /** The stale page that the request may still get. */
  readonly found: FoundPage | undefined
  /** Whether Redis has failed to answer for this request. */
  readonly outage: ReadOutage
  /** Called with an error that no request gets. */
  readonly onError: (error: unknown) => void
}

export interface SharedRendering {
  /** What became of the handler, if it was called for this request. */
  readonly rendering: Rendering | undefined
  /** The page that this request, or another one, has rendered; it may be another variant. */
  readonly page: Page | null
}

/** Renders a page once for all requests of all processes that wait for it now. */
export async function renderShared(
  { key, request, handler, found, outage, onError }: SharedRequest,
  {
    store,
    unshared,
    rules,
  }: { readonly store: PageStore; readonly unshared: UnsharedKeys; readonly rules: RenderRules },
): Promise<SharedRendering> {
  const own: { rendering?: Rendering } = {}
  const page = await store
    .render(key, outage, async (replaced) => {
      // Meanwhile, another request may have stored its variant here.
      const stale = replaced && fits(replaced, request) ? replaced : undefined
      const mayServeStale = (): boolean => mayServeInstead(found)
      const rendering = await render({ request, handler, stale, mayServeStale }, rules)
      own.rendering = rendering
      if (rendering.kind === 'failed') throw rendering.error
      if (rendering.kind !== 'page') {
        unshared.add(key)
        return null
      }
      unshared.delete(key)
      return rendering.page
    })
    .catch((error: unknown) => {
      // Only the process that called the handler knows its error. The others ask it themselves.
      onError(error)
      return null
    })
  return { rendering: own.rendering, page }
}
