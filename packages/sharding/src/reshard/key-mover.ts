import { CacheError, ConnectionError, hashTag, slot, type Command, type Reply } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import dumpKeyLua from './dump-key.lua'
import { markerKey } from './internal-keys.js'
import { removeKeyLua, storeKeyLua } from './scripts.js'
import { ServerClocks } from './server-clocks.js'

export interface KeyMoverOptions {
  /** Id of the change. It is part of the names of the markers. */
  readonly changeId: string
  /** Names of the shards that are gone for good. The set may grow. */
  readonly lost: ReadonlySet<string>
  /** Ms that a shard has to answer. */
  readonly timeout: number
}

/**
 * Moves keys from their old shards to their new ones, each before this process first uses it there.
 *
 * A process uses a key on its new shard only after it has seen that the key is gone from the old
 * one. By then there are two markers: the first was left on the new shard, the second on the old.
 *
 * - The marker on the old shard says that a value written there later, by a delayed command, does
 *   not count.
 * - The marker on the new shard stops a process that read the old shard before the move and stores
 *   that value much later. Once the marker has expired, the script refuses such a process by its
 *   deadline.
 */
export class KeyMover {
  readonly #from: Layout
  readonly #to: Layout
  readonly #changeId: string
  readonly #lost: ReadonlySet<string>
  readonly #timeout: number
  /**
   * Keys that are gone from the old shard and have both markers. Entries may be forgotten: then the
   * key is checked again.
   */
  readonly #moved = new Set<string>()
  readonly #inProgress = new Map<string, Promise<CacheError | undefined>>()
  /** The keys to be moved at the end of this turn of the event loop. */
  #requested = new Map<string, (error: CacheError | undefined) => void>()
  readonly #clocks: ServerClocks

  constructor(from: Layout, to: Layout, { changeId, lost, timeout }: KeyMoverOptions) {
    this.#from = from
    this.#to = to
    this.#changeId = changeId
    this.#lost = lost
    this.#timeout = timeout
    this.#clocks = new ServerClocks(timeout)
  }

  /** Moves keys that have not been moved yet. Never rejects; resolves with the errors by key. */
  async move(keys: readonly string[]): Promise<ReadonlyMap<string, CacheError>> {
    const errors = new Map<string, CacheError>()
    await Promise.all(
      keys.map(async (key) => {
        const error = this.#moved.has(key)
          ? undefined
          : await (this.#inProgress.get(key) ?? this.#request(key))
        if (error) errors.set(key, error)
      }),
    )
    return errors
  }

  /**
   * Moves a batch of keys between two shards. Never rejects; resolves with the error of each key.
   *
   * @param leaveMarkers Leaves the markers, because the keys are about to be used on their new
   * shard.
   */
  async transfer(
    from: Shard,
    to: Shard,
    keys: readonly string[],
    leaveMarkers?: 'leave markers',
  ): Promise<readonly (CacheError | undefined)[]> {
    const errors = await this.#tryTransfer(from, to, keys, leaveMarkers)
    const late = [...keys.keys()].filter((i) => errors[i]?.code === 'RESHARDED')
    if (late.length === 0) return errors
    // The deadline may have passed only because a server's clock was set.
    for (const shard of [from, to]) this.#clocks.forget(shard)
    const retried = await this.#tryTransfer(
      from,
      to,
      late.map((i) => keys[i]!),
      leaveMarkers,
    )
    for (const [n, i] of late.entries()) errors[i] = retried[n]
    return errors
  }

  /** Moves a key together with all others that are requested in the same turn. */
  #request(key: string): Promise<CacheError | undefined> {
    if (this.#requested.size === 0) queueMicrotask(() => this.#moveRequested())
    const moving = new Promise<CacheError | undefined>((resolve) =>
      this.#requested.set(key, resolve),
    )
    this.#inProgress.set(key, moving)
    return moving
  }

  #moveRequested(): void {
    const requested = this.#requested
    this.#requested = new Map()
    for (const { from, to, keys } of this.#groupByShards([...requested.keys()])) {
      for (let i = 0; i < keys.length; i += MAX_BATCH) {
        const batch = keys.slice(i, i + MAX_BATCH)
        void this.transfer(from, to, batch, 'leave markers').then((errors) => {
          for (const [j, key] of batch.entries()) {
            this.#inProgress.delete(key)
            if (errors[j] === undefined) this.#remember(key)
            requested.get(key)!(errors[j])
          }
        })
      }
    }
  }

  async #tryTransfer(
    from: Shard,
    to: Shard,
    keys: readonly string[],
    leaveMarkers?: 'leave markers',
  ): Promise<(CacheError | undefined)[]> {
    const errors = new Array<CacheError | undefined>(keys.length)
    const isLost = (): boolean => this.#lost.has(from.name)
    const [timeAtTarget, timeAtSource] = await Promise.all([
      this.#clocks.now(to),
      isLost() ? 0 : this.#clocks.now(from),
    ])
    if (timeAtTarget instanceof CacheError) return errors.fill(timeAtTarget)
    if (timeAtSource instanceof CacheError) return errors.fill(timeAtSource)
    const dumps = isLost()
      ? keys.map(() => MISSING_KEY)
      : await this.#send(
          from,
          keys.map((key) => ({
            ...commandOn(
              key,
              'EVAL',
              dumpKeyLua,
              '2',
              key,
              this.#markerOf(key),
              String(OLD_MARKER_TTL),
            ),
            binary: true,
          })),
        )

    const dumped: DumpedKey[] = []
    for (const [i, reply] of dumps.entries()) {
      if (reply instanceof CacheError) errors[i] = reply
      else {
        const [ttl, payload, marked] = reply as readonly [number, Buffer | null, number]
        // Nothing is left to do if a process has moved the key and nothing was written since.
        if (payload !== null || (leaveMarkers && marked === 0))
          dumped.push({ i, key: keys[i]!, ttl, payload, marked: marked === 1 })
      }
    }
    const run = async (
      shard: Shard,
      batch: readonly DumpedKey[],
      command: (dumped: DumpedKey) => Command,
    ): Promise<void> => {
      const replies = await this.#send(shard, batch.map(command))
      for (const [n, { i, key }] of batch.entries()) {
        const reply = replies[n]
        if (reply === 0) errors[i] = tooLate(key)
        else errors[i] = reply instanceof CacheError ? reply : undefined
      }
    }
    await run(
      to,
      dumped.filter(({ marked }) => !marked),
      ({ key, ttl, payload }) =>
        commandOn(
          key,
          'EVAL',
          storeKeyLua,
          '2',
          key,
          this.#markerOf(key),
          String(timeAtTarget + MAX_MOVE_TIME),
          leaveMarkers ? String(NEW_MARKER_TTL) : '0',
          String(ttl === -1 ? 0 : Math.max(1, ttl)),
          ...(payload ? [payload] : []),
        ),
    )
    if (isLost()) return errors
    const deadline = String(timeAtSource + MAX_MOVE_TIME)
    await run(
      from,
      dumped.filter(({ i }) => errors[i] === undefined),
      ({ key }) =>
        leaveMarkers
          ? commandOn(
              key,
              'EVAL',
              removeKeyLua,
              '2',
              key,
              this.#markerOf(key),
              deadline,
              String(OLD_MARKER_TTL),
            )
          : commandOn(key, 'EVAL', removeKeyLua, '1', key, deadline),
    )
    return errors
  }

  #groupByShards(keys: readonly string[]): { from: Shard; to: Shard; keys: string[] }[] {
    const groups = new Map<string, { from: Shard; to: Shard; keys: string[] }>()
    for (const key of keys) {
      const [from, to] = [this.#from.shardOf(key), this.#to.shardOf(key)]
      const id = `${from.name}\0${to.name}`
      const group = groups.get(id)
      if (group) group.keys.push(key)
      else groups.set(id, { from, to, keys: [key] })
    }
    return [...groups.values()]
  }

  #remember(key: string): void {
    if (this.#moved.size >= MAX_REMEMBERED) this.#moved.clear()
    this.#moved.add(key)
  }

  /** Returns the key of the marker. Where the shard is a Cluster, it is in the key's slot. */
  #markerOf(key: string): string {
    const tag = hashTag(key) ?? (key.includes('}') ? tagInSlot(slot(key)) : key)
    return markerKey(tag, this.#changeId, key)
  }

  #send(shard: Shard, commands: readonly Command[]): Promise<readonly (Reply | CacheError)[]> {
    return Promise.all(shard.send(commands, this.#timeout))
  }
}

/** Ms from the start of a move until the key must be on its new shard and gone from the old one. */
const MAX_MOVE_TIME = 1_000
/**
 * Ms after which no process stores a value any more that it read from an old shard before the
 * marker was left there within `MAX_MOVE_TIME` of the start of a move.
 */
export const LATEST_STORE = 2 * MAX_MOVE_TIME
/** Ms for which a marker on a new shard stops processes that are late. */
const NEW_MARKER_TTL = LATEST_STORE + 500
/** Ms for which a marker stays on an old shard: longer than any command is in flight. */
const OLD_MARKER_TTL = 60 * 60 * 1_000
const MAX_REMEMBERED = 1_000_000
const MAX_BATCH = 100
/** Stands for the dump of a key on a lost shard: it does not exist and has no marker. */
const MISSING_KEY: Reply = [-2, null, 0]

interface DumpedKey {
  /** Index of the key in its batch. */
  readonly i: number
  readonly key: string
  readonly ttl: number
  readonly payload: Buffer | null
  readonly marked: boolean
}

function commandOn(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

/** Finds a hash tag in a slot, for a key that has no hash tag and can't be one. */
function tagInSlot(target: number): string {
  for (let i = 0; ; i++) if (slot(String(i)) === target) return String(i)
}

function tooLate(key: string): CacheError {
  return new ConnectionError(
    `"${key}" was not moved to its new shard within ${MAX_MOVE_TIME} ms. Send the command again.`,
    { code: 'RESHARDED', key },
  )
}
