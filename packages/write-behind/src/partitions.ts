import { CacheError, InvalidOptionError, hashTag, slot, type CacheClient } from '@cache/core'
import { beside, checkPrefix, createKeys } from '@cache/core/internal'
import { agreeScript } from './scripts.js'

/** What an id may be. */
export type WriteId = string | number

/** The keys of one partition, all in one Cluster slot. */
export interface Partition {
  readonly index: number
  /** Writes that the database has not confirmed yet, in the order in which they were queued. */
  readonly stream: string
  /** By id: the value that was written last, until the database has it. */
  readonly pending: string
  /** By id: failed attempts. */
  readonly attempts: string
  /** Writes that could not be flushed, by their sequence. */
  readonly dead: string
  /** By id: what `flushed` and `replay` need to know of its dead letters (letters.lua). */
  readonly buried: string
  /** By sequence: the position of a replayed write in the stream. */
  readonly replayed: string
  /** The fence of its last owner. */
  readonly fence: string
  /** The token with which a worker owns it. */
  readonly owner: string
  entry(id: WriteId): string
  /** What a writer's attempts are recognised by (session.lua). */
  session(token: string): string
  /** The mark of an ownership that was given up. */
  left(token: string): string
  /** The failed attempt that an owner has counted last. */
  failed(token: string): string
}

/**
 * The option `name`, which must fit behind the namespace.
 *
 * @throws {InvalidOptionError} also for hash tags, as each partition has one of its own.
 */
export function checkName({ namespace }: CacheClient, name: unknown): string {
  const own = 'without braces: each partition has a hash tag of its own'
  if (namespace.includes('{')) throw new InvalidOptionError('client.namespace', own, namespace)
  const fits = checkPrefix('name', name, namespace)
  if (fits.includes('{')) throw new InvalidOptionError('name', own, name)
  return fits
}

/** An id always belongs to the same partition. */
export class Partitions {
  readonly all: readonly Partition[]
  /** The workers that are alive. */
  readonly workers: string
  readonly #agreed: string
  readonly #client: CacheClient
  #agreement: Promise<void> | undefined

  constructor(client: CacheClient, name: string, count: number) {
    this.#client = client
    this.all = Array.from({ length: count }, (_, index) => partition(client.namespace, name, index))
    const make = createKeys(client.namespace, name)
    this.workers = make('workers')
    this.#agreed = make('partitions')
  }

  of(id: WriteId): Partition {
    return this.all[slot(safe(String(id))) % this.all.length]!
  }

  /** Where what is pending is kept for an entry, and under which name. */
  pendingOf(entry: string): { readonly key: string; readonly field: string } {
    // Nothing behind the hash tag has a brace, or a % that is none of an escape: see createKeys.
    const id = entry.slice(entry.lastIndexOf(ENTRY) + ENTRY.length)
    return { key: `${beside(hashTag(entry)!)}:pending`, field: decodeURIComponent(id) }
  }

  /**
   * Once: that all users of the name have the same number of partitions, and that Redis keeps what
   * it was told.
   *
   * @throws {CacheError} if not.
   */
  agree(): Promise<void> {
    return (this.#agreement ??= this.#check().catch((error: unknown) => {
      this.#agreement = undefined
      throw error
    }))
  }

  async #check(): Promise<void> {
    const count = await this.#client.run(agreeScript, [this.#agreed], [String(this.all.length)])
    if (count !== this.all.length)
      throw new CacheError(
        `"partitions" is ${this.all.length} here, but ${count} wherever else "${this.#agreed}" is used: an id would be in two queues. Use ${count}, or another name.`,
        { code: 'PARTITIONS' },
      )
    const info = String(
      await this.#client.send({ args: ['INFO', 'memory'], keys: [this.#agreed] }).catch(() => ''),
    )
    const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? ''
    if (/maxmemory:[1-9]/.test(info) && policy.startsWith('allkeys')) {
      throw new CacheError(
        `Redis may evict the queue: its maxmemory-policy is ${policy}. Set it to noeviction or a volatile one, which leaves keys without a ttl alone.`,
        { code: 'EVICTION' },
      )
    }
  }
}

function partition(namespace: string, name: string, index: number): Partition {
  const tag = createKeys(namespace, name)(index)
  const entry = createKeys(namespace, `{${tag}}`)
  const make = (...parts: readonly string[]): string => [beside(tag), ...parts].join(':')
  return {
    index,
    stream: make('stream'),
    pending: make('pending'),
    attempts: make('attempts'),
    dead: make('dead'),
    buried: make('buried'),
    replayed: make('replayed'),
    fence: make('fence'),
    owner: make('owner'),
    entry: (id) => entry('entry', id),
    session: (token) => make('session', token),
    left: (token) => make('left', token),
    failed: (token) => make('failed', token),
  }
}

const ENTRY = '}:entry:'

/** Without braces, of which `slot` would take what is between them. */
function safe(id: string): string {
  return id.replace(/[{}]/g, '%')
}
