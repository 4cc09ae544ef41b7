import { checkClient } from './check-client.js'
import type { CacheClient } from './client.js'
import { companionOf, isBeside, rawKey, stem } from './keys.js'
import { checkOptions } from '../util/options.js'
import {
  literally,
  literalStart,
  patternIn,
  scanNodes,
  type GlobPattern,
  type ScanOptions,
} from './scan.js'

export interface InvalidateMatchingOptions extends Omit<ScanOptions, 'type'> {
  /** Called after each batch, with how many entries there were so far. */
  readonly onProgress?: (invalidated: number) => void
  /** Which keys are to stay, though they match. */
  readonly except?: (key: string) => boolean
}

/**
 * Invalidates every entry of the namespace whose key matches; resolves to how many there were.
 * Promises: who reads it from Redis after this resolved never gets what was loaded, or written,
 * before this was called, also where that was under way, and its entry not there yet. A near cache
 * forgets only what Redis still had: tell it by `bus.publish({ prefix })` besides.
 *
 * It deletes strings, which entries are, and which locks and versions of groups are as well: choose
 * a pattern that does not match them. Lists, sets, hashes and streams stay. It looks at every key
 * of every primary, some at a time, so it takes time in proportion to the keyspace: for groups that
 * are known beforehand use `@cache/versioning`. A key that moves to another node meanwhile may be
 * missed. Rejects when a node does not answer, or `signal` aborts: some are invalidated by then.
 *
 * @throws {InvalidOptionError} naming the option, before anything is sent.
 * @example await invalidateMatching(client, glob`user:${42}:*`)
 */
export async function invalidateMatching(
  client: CacheClient,
  pattern: GlobPattern,
  options: InvalidateMatchingOptions = {},
): Promise<number> {
  const { driver, entries, namespace } = checkClient(checkOptions('client', { client }, ['client']))
  const match = patternIn(namespace, pattern)
  const start = literalStart({ glob: match })
  /** A companion begins as its key does, up to the last part. */
  const besides = `${literally(stem(start))}*{${match}}`
  const check = checkOptions('invalidateMatching', options, [
    'count',
    'signal',
    'onProgress',
    'except',
  ])
  const onProgress = check.function<(invalidated: number) => void>('onProgress')
  const except = check.function<(key: string) => boolean>('except') ?? (() => false)
  const { count, signal } = options

  let invalidated = 0
  const drop = async (found: readonly string[]): Promise<void> => {
    const keys = [...new Set(found)].filter((key) => isEntryKey(key) && !except(key))
    for (let i = 0; i < keys.length; i += BATCH)
      invalidated += await entries.invalidate(keys.slice(i, i + BATCH))
    onProgress?.(invalidated)
  }
  const scan = (part: string, type: 'string' | 'zset') =>
    scanNodes(driver, part, {
      type,
      ...(count !== undefined && { count }),
      ...(signal !== undefined && { signal }),
    })

  // Loads and writes under way first: one that had begun either is still under way when its turn
  // comes, and then it stores nothing; or it has stored by then, and its entry is found behind
  // them.
  for (const [companion, type] of [
    ['lease', 'string'],
    ['intents', 'zset'],
  ] as const) {
    for (const part of [`${besides}:${companion}`, `${match}:${companion}`]) {
      for await (const keys of scan(part, type))
        await drop(
          keys.flatMap((key) => companionOf(key) ?? []).filter((key) => key.startsWith(start)),
        )
    }
  }
  for await (const keys of scan(match, 'string')) await drop(keys.filter((key) => !isBeside(key)))
  return invalidated
}

/** No more at a time, so that others are not kept waiting. */
const BATCH = 256

/** Not what somebody else made, and no entry can have. */
function isEntryKey(key: string): boolean {
  try {
    return rawKey(key) === key
  } catch {
    return false
  }
}
