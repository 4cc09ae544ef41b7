import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  type Command,
  type Reply,
  type SendOptions,
  type Settle,
} from '@cache/core'
import { redactedError } from '@cache/core/internal'
import { CommandDeadline } from './command-deadline.js'
import { CrossShardError } from './errors.js'
import type { Layout } from './layout.js'
import { PendingSend, type SendTo } from './pending-send.js'
import type { ShardChange } from './reshard/shard-change.js'
import type { Shard } from './shard.js'

/** Sends each command to the shard of its key, with one send per shard and all sends at once. */
export class Router {
  #layout: Layout
  #change: ShardChange | undefined
  /** The change that ended each layout, for replies that still arrive from its shards. */
  readonly #changes = new WeakMap<Layout, ShardChange>()
  #oldShardsUsedAt = -Infinity
  /** Whether keys of a shard that is down go to the other shards. */
  readonly #failover: boolean

  /** @param onShardDown What happens to commands for a shard whose breaker is open. */
  constructor(layout: Layout, onShardDown: 'fail' | 'next') {
    this.#layout = layout
    this.#failover = onShardDown === 'next'
  }

  get layout(): Layout {
    return this.#layout
  }

  /** The change under way, from `begin` until `finish` or `abandon`. */
  get change(): ShardChange | undefined {
    return this.#change
  }

  /**
   * When the last reply of an old shard for moving keys was accepted, by `performance.now()`.
   * Before a change is under way, replies for any keys count.
   */
  get oldShardsUsedAt(): number {
    return this.#oldShardsUsedAt
  }

  /** Begins a change. From now on it decides when commands for moving keys are sent. */
  begin(change: ShardChange): void {
    this.#changes.set(change.from, change)
    this.#change = change
  }

  /** Abandons a change: all commands go to the old shards again. */
  abandon(change: ShardChange): void {
    this.#changes.delete(change.from)
    this.#change = undefined
    change.cancel()
  }

  /** Uses the shards of the new layout from now on. */
  switchTo(layout: Layout): void {
    this.#layout = layout
  }

  /** Ends the change: every key has been moved. */
  finish(): void {
    this.#change = undefined
  }

  /** Sends commands; resolves with their replies, in their order. Never rejects. */
  send(
    commands: readonly Command[],
    { timeout, settle }: SendOptions,
    sendTo: SendTo,
  ): Promise<readonly (Reply | CacheError)[]> {
    if (commands.length === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      this.#dispatch(
        new PendingSend(commands, settle, sendTo, resolve),
        commands.map((_, index) => index),
        new CommandDeadline(timeout === undefined ? undefined : performance.now() + timeout),
      )
    })
  }

  /**
   * Groups keys that one command may name. Keys of a group are on the same shard now, and still are
   * when a change that is under way, or a failover, has happened.
   */
  group(keys: readonly string[]): readonly (readonly string[])[] {
    const { layout } = this
    const change = this.change && layout !== this.change.to ? this.change : undefined
    const groups = new Map<string, { readonly shard: Shard; readonly keys: string[] }>()
    for (const key of keys) {
      const shard = layout.shardOf(key)
      const nextShard = change
        ? change.to.shardOf(key)
        : this.#failover
          ? layout.without(shard)?.shardOf(key)
          : undefined
      const id = nextShard ? `${shard.name}\0${nextShard.name}` : shard.name
      const group = groups.get(id)
      if (group) group.keys.push(key)
      else groups.set(id, { shard, keys: [key] })
    }
    return [...groups.values()]
      .flatMap((group) => group.shard.driver.group(group.keys))
      .flatMap((group) => (change ? change.to.shardOf(group[0]!).driver.group(group) : [group]))
  }

  #dispatch(pending: PendingSend, indexes: readonly number[], deadline: CommandDeadline): void {
    const { layout, change } = this
    const byShard = new Map<Shard, number[]>()
    const moving: number[] = []
    for (const index of indexes) {
      const { args, keys } = pending.commands[index]!
      if (change?.movesAny(keys) && !change.usesOldShards()) moving.push(index)
      else {
        const shard =
          keys.length > 0
            ? layout.commonShard(keys)
            : channelOf(args) === undefined
              ? layout.shards[0]
              : layout.shardOf(channelOf(args)!)
        if (shard) groupIn(byShard, shard).push(index)
        else pending.settle(index, new CrossShardError(args[0], keys))
      }
    }
    for (const [shard, group] of byShard) void this.#send(pending, shard, group, layout, deadline)
    if (moving.length > 0) void this.#sendMoving(pending, change!, moving, deadline)
  }

  async #send(
    pending: PendingSend,
    shard: Shard,
    indexes: readonly number[],
    layout: Layout,
    deadline: CommandDeadline,
  ): Promise<void> {
    const timeout = deadline.remaining
    if (timeout !== undefined && timeout <= 0)
      return pending.settleAll(indexes, timedOutWhileMoving)
    const refused: number[] = []
    const settle: Settle = (i, reply) => {
      const index = indexes[i]!
      const { keys } = pending.commands[index]!
      if (isRefusedByBreaker(reply) && (this.#failover || keys.length === 0)) refused.push(index)
      else if (this.#changes.get(layout)?.isReplyTooLate(keys))
        pending.settle(index, resharded(pending.commands[index]!, reply))
      else {
        if (
          keys.length > 0 &&
          !(reply instanceof Error) &&
          layout !== this.change?.to &&
          (this.#changes.get(layout)?.movesAny(keys) ?? true)
        )
          this.#oldShardsUsedAt = performance.now()
        pending.settle(index, reply)
      }
    }
    try {
      await pending.sendTo(
        shard,
        indexes.map((index) => pending.commands[index]!),
        timeout,
        settle,
      )
    } catch (cause) {
      for (const i of indexes.keys())
        settle(
          i,
          new CacheError(`The driver of shard "${shard.name}" threw instead of answering.`, {
            code: 'DRIVER',
            cause: redactedError(cause),
          }),
        )
    }
    if (refused.length > 0) this.#sendToOthers(pending, shard, refused, layout, deadline)
  }

  /** Sends commands that the breaker of a shard refused to the other shards. */
  #sendToOthers(
    pending: PendingSend,
    shard: Shard,
    indexes: readonly number[],
    layout: Layout,
    deadline: CommandDeadline,
  ): void {
    const others = layout.without(shard)
    const byShard = new Map<Shard, number[]>()
    for (const index of indexes) {
      const { args, keys } = pending.commands[index]!
      const other = keys.length > 0 ? others?.commonShard(keys) : others?.shards[0]
      if (other && !this.change?.movesAny(keys)) groupIn(byShard, other).push(index)
      else
        pending.settle(
          index,
          new ConnectionError(
            `Shard "${shard.name}" did not answer the last commands; none is sent until it ` +
              'answers a probe. Check that the server is up and reachable.',
            { code: 'CIRCUIT_OPEN', command: args[0], key: keys[0] },
          ),
        )
    }
    for (const [other, group] of byShard) void this.#send(pending, other, group, others!, deadline)
  }

  /**
   * Sends commands for keys that move and whose old shards are no longer used. The keys are moved
   * before the commands are sent.
   */
  async #sendMoving(
    pending: PendingSend,
    change: ShardChange,
    indexes: readonly number[],
    deadline: CommandDeadline,
  ): Promise<void> {
    if (!change.usesNewShards()) {
      if (await deadline.waitUncounted(change.nextState()))
        this.#dispatch(pending, indexes, deadline)
      else pending.settleAll(indexes, timedOutWhileMoving)
      return
    }
    // Grouped by both shards, so that no command waits for a shard that it does not need.
    const byShards = new Map<string, number[]>()
    for (const index of indexes) {
      const { args, keys } = pending.commands[index]!
      const shard = change.to.commonShard(keys)
      if (shard)
        groupIn(byShards, `${change.from.shardOf(keys[0]!).name}\0${shard.name}`).push(index)
      else pending.settle(index, new CrossShardError(args[0], keys))
    }
    for (const group of byShards.values())
      void this.#moveAndSend(pending, change, group, deadline.copy())
  }

  async #moveAndSend(
    pending: PendingSend,
    change: ShardChange,
    indexes: readonly number[],
    deadline: CommandDeadline,
  ): Promise<void> {
    const errors = await deadline.waitUncounted(
      change.moveKeys(indexes.flatMap((index) => pending.commands[index]!.keys)),
    )
    if (!errors) return pending.settleAll(indexes, timedOutWhileMoving)
    const moved: number[] = []
    for (const index of indexes) {
      const error = pending.commands[index]!.keys.map((key) => errors.get(key)).find(
        (keyError) => keyError !== undefined,
      )
      if (error) pending.settle(index, error)
      else moved.push(index)
    }
    if (moved.length > 0)
      void this.#send(
        pending,
        change.to.shardOf(pending.commands[moved[0]!]!.keys[0]!),
        moved,
        change.to,
        deadline,
      )
  }
}

function groupIn<K>(groups: Map<K, number[]>, id: K): number[] {
  let group = groups.get(id)
  if (!group) groups.set(id, (group = []))
  return group
}

/** Returns the channel of a PUBLISH. It is not a key, and yet it decides on the shard. */
function channelOf([name, channel]: Command['args']): string | undefined {
  return /^s?publish$/i.test(name) && channel !== undefined ? String(channel) : undefined
}

function isRefusedByBreaker(reply: Reply | CacheError): boolean {
  return reply instanceof ConnectionError && reply.code === 'CIRCUIT_OPEN'
}

function timedOutWhileMoving({ args, keys }: Command): CacheError {
  return new CommandTimeoutError(
    `${args[0]} timed out while its key was being moved to another shard. ` +
      'The command was not sent.',
    { command: args[0], key: keys[0] },
  )
}

function resharded({ args, keys }: Command, cause: unknown): CacheError {
  return new ConnectionError(
    `The reply to ${args[0]} came from a shard that its key had left by then. ` +
      'The command may or may not have been executed. Send it again.',
    { code: 'RESHARDED', command: args[0], key: keys[0], cause },
  )
}
