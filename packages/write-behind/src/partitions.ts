import { CacheError, InvalidOptionError, hashTag, slot, type CacheClient } from '@cache/core'
import { beside, checkPrefix, createKeys, numberOption } from '@cache/core/internal'
import { partitionCountScript } from './scripts.js'

/** The type of an id. */
export type WriteId = string | number

/** The keys of one partition. They are all in one Cluster slot. */
export interface Partition {
  readonly index: number
  /** Stream: the writes that the database has not confirmed yet, in the order of their arrival. */
  readonly stream: string
  /** Hash by id: the value of the last write, until the database has it. */
  readonly pending: string
  /** Hash by id: the number of failed attempts. */
  readonly failedAttempts: string
  /** Sorted set by sequence: the writes that could not be flushed. */
  readonly deadLetters: string
  /** Hash by id: what `flushed` and `replay` need to know of its dead letters. */
  readonly deadLetterState: string
  /** Hash by sequence: the position of a replayed write in the stream. */
  readonly replayed: string
  /** String: the fence of the last owner. */
  readonly fence: string
  /** String: the token of the worker that owns the partition. */
  readonly owner: string
  /** The cached entry of an id. */
  entry(id: WriteId): string
  /** Hash: the session of a writer, which identifies its attempts (session.lua). */
  session(token: string): string
  /** String: marks an ownership that was given up. */
  releasedMark(token: string): string
  /** String: the last failed attempt that an owner has counted. */
  lastFailure(token: string): string
}

/**
 * Returns the option `prefix` after checking it together with the namespace.
 *
 * @throws {InvalidOptionError} also if either has a hash tag, because each partition has its own.
 */
export function checkQueuePrefix({ namespace }: CacheClient, prefix: unknown): string {
  const expected = 'without braces: each partition has a hash tag of its own'
  if (namespace.includes('{')) throw new InvalidOptionError('client.namespace', expected, namespace)
  const checked = checkPrefix('prefix', prefix, namespace)
  if (checked.includes('{')) throw new InvalidOptionError('prefix', expected, prefix)
  return checked
}

/** The option `partitions`. */
export const partitionsOption = numberOption({ min: 1, max: 1_024, integer: true }, 8)

/** The partitions of a queue. An id always belongs to the same partition. */
export class Partitions {
  readonly client: CacheClient
  readonly all: readonly Partition[]
  /** Sorted set: the workers that are alive. */
  readonly workers: string
  /** String: the number of partitions. */
  readonly #count: string
  #verification: Promise<void> | undefined

  constructor(client: CacheClient, prefix: string, count: number) {
    this.client = client
    this.all = Array.from({ length: count }, (_, index) =>
      createPartition(client.namespace, prefix, index),
    )
    const keyOf = createKeys(client.namespace, prefix)
    this.workers = keyOf('workers')
    this.#count = keyOf('partitions')
  }

  of(id: WriteId): Partition {
    return this.all[slot(withoutBraces(String(id))) % this.all.length]!
  }

  /** Returns the hash and the field that hold the pending value of an entry. */
  pendingOf(entry: string): { readonly key: string; readonly field: string } {
    // createKeys escapes the part after the hash tag: it has no braces, and no % outside an escape.
    const id = entry.slice(entry.lastIndexOf(ENTRY) + ENTRY.length)
    return { key: `${beside(hashTag(entry)!)}:pending`, field: decodeURIComponent(id) }
  }

  /**
   * Verifies that all users of the prefix have the same number of partitions, and that Redis does
   * not evict the queue. A successful verification is not repeated.
   *
   * @throws {CacheError} with the code `PARTITIONS` or `EVICTION`.
   */
  verify(): Promise<void> {
    return (this.#verification ??= this.#verify().catch((error: unknown) => {
      this.#verification = undefined
      throw error
    }))
  }

  async #verify(): Promise<void> {
    const own = this.all.length
    const count = await this.client.run(partitionCountScript, [this.#count], [String(own)])
    if (count !== own)
      throw new CacheError(
        `"partitions" is ${own} here, but ${count} elsewhere for "${this.#count}". ` +
          `Ids would be in two queues. Use ${count}, or another prefix.`,
        { code: 'PARTITIONS' },
      )
    const info = String(
      await this.client.send({ args: ['INFO', 'memory'], keys: [this.#count] }).catch(() => ''),
    )
    const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? ''
    if (/maxmemory:[1-9]/.test(info) && policy.startsWith('allkeys')) {
      throw new CacheError(
        `Redis may evict the queue: its maxmemory-policy is ${policy}. Set it to noeviction, ` +
          'or to a volatile policy, which keeps keys without a ttl.',
        { code: 'EVICTION' },
      )
    }
  }
}

function createPartition(namespace: string, prefix: string, index: number): Partition {
  const tag = createKeys(namespace, prefix)(index)
  const entryKey = createKeys(namespace, `{${tag}}`)
  const keyOf = (...parts: readonly string[]): string => [beside(tag), ...parts].join(':')
  return {
    index,
    stream: keyOf('stream'),
    pending: keyOf('pending'),
    failedAttempts: keyOf('attempts'),
    deadLetters: keyOf('dead'),
    deadLetterState: keyOf('buried'),
    replayed: keyOf('replayed'),
    fence: keyOf('fence'),
    owner: keyOf('owner'),
    entry: (id) => entryKey('entry', id),
    session: (token) => keyOf('session', token),
    releasedMark: (token) => keyOf('left', token),
    lastFailure: (token) => keyOf('failed', token),
  }
}

const ENTRY = '}:entry:'

/** Replaces braces: `slot` would hash only the part between them. */
function withoutBraces(id: string): string {
  return id.replace(/[{}]/g, '%')
}
