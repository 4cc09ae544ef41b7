import type { Codec } from '../codecs/codec.js'
import { isDevelopment, warnInDevelopment } from '../util/development-warning.js'
import type { CacheClient } from './client.js'

/** What the entries of a cache look like. */
interface EntryShape {
  /** What is stored with a value, and at which key: `entries`, or `entries with groups`, … */
  readonly kind: string
  readonly codec: Codec<any> | undefined
  readonly schema: unknown
}

/** The shapes of the caches that this process has created, by their driver and prefix. */
const shapes = new WeakMap<object, Map<string, EntryShape>>()
const MAX_PREFIXES = 1_000

/** The clients of caches that are parts of another cache, which has warned for them. */
const clientsOfParts = new WeakSet<CacheClient>()

/**
 * Returns the client for the caches that a cache is made of. They have no default options, and do
 * not warn about shared prefixes.
 */
export function clientOfParts(client: CacheClient): CacheClient {
  const own = { ...client, defaults: undefined }
  clientsOfParts.add(own)
  return own
}

/**
 * Warns in development if a cache uses the prefix of another cache of the same Redis client whose
 * entries look different: each would read the entries of the other. Caches with the same prefix and
 * the same shape share their entries, which is fine. Remembers at most 1 000 prefixes.
 */
export function warnAboutSharedPrefix(
  client: CacheClient,
  prefix: string,
  shape: EntryShape,
): void {
  if (!isDevelopment() || clientsOfParts.has(client)) return
  const { driver, namespace } = client
  let known = shapes.get(driver)
  if (!known) shapes.set(driver, (known = new Map()))
  const start = namespace === '' ? prefix : `${namespace}:${prefix}`
  const other = known.get(start)
  if (!other) {
    if (known.size < MAX_PREFIXES) known.set(start, shape)
    return
  }
  const difference = differenceOf(other, shape)
  if (difference === undefined) return
  warnInDevelopment(
    'CACHE_SHARED_PREFIX',
    start,
    () =>
      `Two caches use the prefix "${prefix}", but ${difference}. ` +
      'They would read the entries of each other. Give each a prefix of its own.',
  )
}

function differenceOf(a: EntryShape, b: EntryShape): string | undefined {
  if (a.kind !== b.kind) return `one has ${a.kind} and the other has ${b.kind}`
  const [codecA, codecB] = [a, b].map(({ codec }) => codec?.name ?? 'json')
  if (codecA !== codecB) return `one has the codec "${codecA}" and the other has "${codecB}"`
  return a.schema === b.schema ? undefined : 'their schemas differ'
}
