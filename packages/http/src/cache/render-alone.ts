import { discard } from '../discard.js'
import { staleInstead, type Answer } from './answer.js'
import type { Forwarded } from './cache-status.js'
import { lifetimeOf, type CacheRules } from './cacheable.js'
import type { PageKey } from './page-key.js'
import { mayServeInstead, type FoundPage } from './page.js'
import { isServerError } from './render.js'
import type { Handler } from './types.js'
import type { UnsharedKeys } from './unshared-keys.js'

/**
 * Renders for one request only, and stores nothing. If the response could have been stored, later
 * requests of the key share their renderings again.
 */
export async function renderAlone(
  {
    key,
    request,
    handler,
    forwarded,
    found,
    onError,
  }: {
    readonly key: PageKey
    readonly request: Request
    readonly handler: Handler
    readonly forwarded: Forwarded
    /** The stale page that the request may still get. */
    readonly found: FoundPage | undefined
    /** Called with an error of the handler, if the stale page is served instead. */
    readonly onError: (error: unknown) => void
  },
  { unshared, rules }: { readonly unshared: UnsharedKeys; readonly rules: CacheRules },
): Promise<Answer> {
  let response: Response
  try {
    response = await handler(request)
  } catch (error) {
    if (!mayServeInstead(found)) throw error
    onError(error)
    return staleInstead(found, {})
  }
  if (isServerError(response.status) && mayServeInstead(found)) {
    discard(response.body)
    return staleInstead(found, { fwdStatus: response.status })
  }
  if (request.method === 'GET' && lifetimeOf(request, response, rules)) unshared.delete(key)
  return { response, status: { fwd: forwarded } }
}
