import { readOptions } from '@cache/core/internal'
import { encodeTag, PATH_TAG } from './entry-tags.js'
import type { RevalidateDurations } from './next-types.js'
import { revalidatorOptions, type RevalidatorOptions } from './options.js'
import { resolveClient } from './runtime.js'
import { Tags } from './tags.js'

/** Revalidates what the handlers have stored. */
export interface Revalidator {
  /**
   * Makes the entries of tags expired, in every instance; with `durations`, stale now and expired
   * in so many seconds. Rejects if Redis has not acknowledged it.
   */
  revalidateTag(tags: string | readonly string[], durations?: RevalidateDurations): Promise<void>
  /**
   * Expires the entries of a path, like `revalidatePath` of Next.js. For a path with parameters,
   * such as `/product/[id]`, say whether it is a 'page' or a 'layout'. Rejects if Redis has not
   * acknowledged it.
   */
  revalidatePath(path: string, type?: 'page' | 'layout'): Promise<void>
}

/**
 * Creates a revalidator, which works in every process: in a Route Handler, whose response Next.js
 * sends before `revalidateTag` has reached the handlers, and in a worker without Next.js. When its
 * promise resolves, the revalidation holds for every read that begins from then on.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const revalidator = createRevalidator({ client })
 * export async function POST() {
 *   await revalidator.revalidateTag('products')
 *   return new Response(null, { status: 204 })
 * }
 */
export function createRevalidator(options: RevalidatorOptions): Revalidator {
  const { client, prefix, maxTtl } = readOptions('createRevalidator', revalidatorOptions, options)
  let tags: Tags | undefined
  const open = (): Tags => (tags ??= new Tags(resolveClient(client), prefix, maxTtl))
  return {
    revalidateTag: async (names, durations) =>
      open().revalidate([names].flat().map(encodeTag), durations),
    revalidatePath: async (path, type) => open().revalidate(tagsOfPath(path, type)),
  }
}

function tagsOfPath(path: string, type: string | undefined): string[] {
  const tag = PATH_TAG + encodeTag(path.replace(/(?<=.)\/+$/, ''))
  if (type) return [`${tag}${tag.endsWith('/') ? '' : '/'}${type}`]
  const root = [`${PATH_TAG}/`, `${PATH_TAG}/index`]
  return root.includes(tag) ? root : [tag]
}
