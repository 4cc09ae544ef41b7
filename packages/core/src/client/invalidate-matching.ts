import { checkClient } from './check-client.js'
import type { CacheClient } from './client.js'
import { companionOf, isBeside, rawKey, stem } from './keys.js'
import { functionOption, readOptions, type OptionTable } from '../util/options.js'
import {
  escapeGlob,
  literalStart,
  patternIn,
  scanNodes,
  scanOptions,
  type GlobPattern,
  type ScanOptions,
} from './scan.js'

export interface InvalidateMatchingOptions extends Omit<ScanOptions, 'type'> {
  /** Called after each batch, with the number of entries invalidated so far. */
  readonly onProgress?: (invalidated: number) => void
  /** Returns `true` for keys that must stay although they match. */
  readonly except?: (key: string) => boolean
}

/** The rows of `InvalidateMatchingOptions`. */
const matchingOptions = {
  count: scanOptions.count,
  signal: scanOptions.signal,
  onProgress: functionOption(),
  except: functionOption<(key: string) => boolean>(() => false),
} satisfies OptionTable<InvalidateMatchingOptions>

/**
 * Invalidates all entries of the namespace whose keys match the pattern. Resolves to their number.
 *
 * After the promise has resolved, a read from Redis never returns a value that was loaded or
 * written before the call. This includes loads and writes that were under way, and whose entry did
 * not exist yet. A near cache only drops the entries that Redis still had: call `bus.publish({
 * prefix })` as well.
 *
 * - It deletes strings. Entries are strings, but so are locks and versions of groups: choose a
 *   pattern that does not match them. Lists, sets, hashes and streams stay.
 * - It looks at every key of every primary, a part at a time, so it takes time in proportion to the
 *   number of keys. If you know the groups beforehand, use `@cache/versioning`, whose groups serve
 *   as *tags*.
 * - A key that moves to another node in the meantime may be missed.
 * - It rejects if a node does not answer, or if `signal` aborts. Some entries are invalidated by
 *   then.
 *
 * @throws {InvalidOptionError} if an option is invalid, before anything is sent.
 * @example await invalidateMatching(client, glob`user:${42}:*`)
 */
export async function invalidateMatching(
  client: CacheClient,
  pattern: GlobPattern,
  options: InvalidateMatchingOptions = {},
): Promise<number> {
  const { driver, entries, namespace } = checkClient(client)
  const match = patternIn(namespace, pattern)
  const start = literalStart({ glob: match })
  /** The start of the keys of leases and intents: it is that of the entry, up to its last part. */
  const companionStart = `${escapeGlob(stem(start))}*{${match}}`
  const { count, signal, onProgress, except } = readOptions(
    'invalidateMatching',
    matchingOptions,
    options,
  )

  let invalidated = 0
  const drop = async (matching: readonly string[]): Promise<void> => {
    const keys = [...new Set(matching)].filter((key) => isEntryKey(key) && !except(key))
    for (let i = 0; i < keys.length; i += BATCH_SIZE)
      invalidated += await entries.invalidate(keys.slice(i, i + BATCH_SIZE))
    onProgress?.(invalidated)
  }
  const scan = (matchPattern: string, type: 'string' | 'zset') =>
    scanNodes(driver, matchPattern, {
      type,
      count,
      ...(signal && { signal }),
    })

  // Loads and writes under way come first. Either one is still under way when it is reached here,
  // and then it stores nothing. Or it has stored its entry by then, and the scan for entries finds
  // it.
  for (const [companion, type] of [
    ['lease', 'string'],
    ['intents', 'zset'],
  ] as const) {
    for (const companionPattern of [`${companionStart}:${companion}`, `${match}:${companion}`]) {
      for await (const keys of scan(companionPattern, type))
        await drop(
          keys.flatMap((key) => companionOf(key) ?? []).filter((key) => key.startsWith(start)),
        )
    }
  }
  for await (const keys of scan(match, 'string')) await drop(keys.filter((key) => !isBeside(key)))
  return invalidated
}

/** The number of keys that are invalidated at once, so that other commands do not have to wait. */
const BATCH_SIZE = 256

/** Whether an entry can have this key. Foreign keys that no entry can have are left alone. */
function isEntryKey(key: string): boolean {
  try {
    return rawKey(key) === key
  } catch {
    return false
  }
}
