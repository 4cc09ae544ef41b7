/** What the tag of a path begins with. */
export const PATH_TAG = '_N_T_'

/** Returns a tag as Next.js writes it, so that it fits into a header. */
export function encodeTag(tag: string): string {
  return tag.replace(/[^\t\x20-\x7e]+/g, encodeURIComponent)
}

/** The header in which Next.js lists the tags of a page or route handler. */
const TAGS_HEADER = 'x-next-cache-tags'

/** Returns the tags of a page, a route handler, a redirect or "not found". */
export function tagsOfResponse(nextKey: string, data: any): string[] {
  const header: unknown = data?.headers?.[TAGS_HEADER]
  const listed = [header ?? []].flat().flatMap((value) => String(value).split(','))
  const tags = listed.filter((tag) => tag !== '')
  // Pages of the Pages Router have no tags, but `revalidatePath` names their paths.
  const isAppRouter = data?.kind === 'APP_PAGE' || data?.kind === 'APP_ROUTE'
  if (tags.length === 0 && !isAppRouter) tags.push(PATH_TAG + encodeTag(pathOf(nextKey)))
  return [...new Set(tags)]
}

/** Since version 16.4, a key begins with the route that owns it: `/route-cache/PAGES/…/$/path`. */
function pathOf(nextKey: string): string {
  return /^\/route-cache\/[^/]+\/[^/]+\/\$(\/.*)$/s.exec(nextKey)?.[1] ?? nextKey
}
