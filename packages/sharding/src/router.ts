import {
  CommandTimeoutError,
  ConnectionError,
  type CacheError,
  type Command,
  type CommandResult,
  type Driver,
  type SendOptions,
} from '@cache/core'
import { CommandDeadline } from './command-deadline.js'
import { CrossShardError } from './errors.js'
import type { Layout } from './layout.js'
import { failAll, PendingCommand } from './pending-command.js'
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

  /** Sends commands. Returns a promise for the result of each, none of which rejects. */
  send(
    commands: readonly Command[],
    { timeout }: SendOptions,
    sendTo: SendTo,
  ): readonly Promise<CommandResult>[] {
    const pending = commands.map((command) => new PendingCommand(command))
    const deadline = new CommandDeadline(
      timeout === undefined ? undefined : performance.now() + timeout,
    )
    this.#dispatch(pending, { sendTo, deadline })
    return pending.map(({ result }) => result)
  }

  /**
   * Groups keys that one command may name. Keys of a group are on the same shard now, and still are
   * when a change that is under way, or a failover, has happened.
   */
  group(keys: readonly string[]): readonly (readonly string[])[] {
    return this.#group(keys, (driver, own) => driver.group(own))
  }

  /** Groups keys that are read together, as `group` does. */
  groupReads(keys: readonly string[]): readonly (readonly string[])[] {
    return this.#group(keys, (driver, own) => driver.groupReads?.(own) ?? driver.group(own))
  }

  #group(
    keys: readonly string[],
    groupOn: (driver: Driver, keys: readonly string[]) => readonly (readonly string[])[],
  ): readonly (readonly string[])[] {
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
      .flatMap((group) => groupOn(group.shard.driver, group.keys))
      .flatMap((group) => (change ? groupOn(change.to.shardOf(group[0]!).driver, group) : [group]))
  }

  #dispatch(pending: readonly PendingCommand[], delivery: Delivery): void {
    const { layout, change } = this
    const byShard = new Map<Shard, PendingCommand[]>()
    const moving: PendingCommand[] = []
    for (const one of pending) {
      const { args, keys } = one.command
      if (change?.movesAny(keys) && !change.usesOldShards()) moving.push(one)
      else {
        const shard =
          keys.length > 0
            ? layout.commonShard(keys)
            : channelOf(args) === undefined
              ? layout.shards[0]
              : layout.shardOf(channelOf(args)!)
        if (shard) groupIn(byShard, shard).push(one)
        else one.settle(new CrossShardError(args[0], keys))
      }
    }
    for (const [shard, group] of byShard) void this.#send(group, shard, layout, delivery)
    if (moving.length > 0) void this.#sendMoving(moving, change!, delivery)
  }

  async #send(
    pending: readonly PendingCommand[],
    shard: Shard,
    layout: Layout,
    delivery: Delivery,
  ): Promise<void> {
    const timeout = delivery.deadline.remaining
    if (timeout !== undefined && timeout <= 0) return failAll(pending, timedOutWhileMoving)
    const results = delivery.sendTo(
      shard,
      pending.map(({ command }) => command),
      timeout,
    )
    const refused: PendingCommand[] = []
    let refusal: ConnectionError | undefined
    await Promise.all(
      pending.map(async (one, i) => {
        const result = await results[i]!
        if (isRefusedByBreaker(result) && (this.#failover || one.keys.length === 0)) {
          refusal = result
          refused.push(one)
        } else one.settle(this.#checked(result, one.command, layout))
      }),
    )
    if (refusal) this.#sendToOthers(refused, refusal, shard, layout, delivery)
  }

  /** Returns the result of a command, unless its keys had left the shard by then. */
  #checked(result: CommandResult, command: Command, layout: Layout): CommandResult {
    const change = this.#changes.get(layout)
    if (change?.isReplyTooLate(command.keys)) return resharded(command, result)
    if (
      command.keys.length > 0 &&
      !(result instanceof Error) &&
      layout !== this.change?.to &&
      (change?.movesAny(command.keys) ?? true)
    )
      this.#oldShardsUsedAt = performance.now()
    return result
  }

  /** Sends commands that the breaker of a shard refused to the other shards. */
  #sendToOthers(
    pending: readonly PendingCommand[],
    refusal: ConnectionError,
    shard: Shard,
    layout: Layout,
    delivery: Delivery,
  ): void {
    const others = layout.without(shard)
    const byShard = new Map<Shard, PendingCommand[]>()
    for (const one of pending) {
      const { args, keys } = one.command
      const other = keys.length > 0 ? others?.commonShard(keys) : others?.shards[0]
      if (other && !this.change?.movesAny(keys)) groupIn(byShard, other).push(one)
      else
        one.settle(
          new ConnectionError(
            `Shard "${shard.name}" did not answer the last commands; none is sent until it ` +
              'answers a probe. Check that the server is up and reachable.',
            { code: 'CIRCUIT_OPEN', command: args[0], key: keys[0], cause: refusal },
          ),
        )
    }
    for (const [other, group] of byShard) void this.#send(group, other, others!, delivery)
  }

  /**
   * Sends commands for keys that move and whose old shards are no longer used. The keys are moved
   * before the commands are sent.
   */
  async #sendMoving(
    pending: readonly PendingCommand[],
    change: ShardChange,
    delivery: Delivery,
  ): Promise<void> {
    if (!change.usesNewShards()) {
      if (await delivery.deadline.waitUncounted(change.nextState()))
        this.#dispatch(pending, delivery)
      else failAll(pending, timedOutWhileMoving)
      return
    }
    // Grouped by both shards, so that no command waits for a shard that it does not need.
    const byShards = new Map<string, PendingCommand[]>()
    for (const one of pending) {
      const { args, keys } = one.command
      const shard = change.to.commonShard(keys)
      if (shard) groupIn(byShards, `${change.from.shardOf(keys[0]!).name}\0${shard.name}`).push(one)
      else one.settle(new CrossShardError(args[0], keys))
    }
    for (const group of byShards.values())
      void this.#moveAndSend(group, change, { ...delivery, deadline: delivery.deadline.copy() })
  }

  async #moveAndSend(
    pending: readonly PendingCommand[],
    change: ShardChange,
    delivery: Delivery,
  ): Promise<void> {
    const errors = await delivery.deadline.waitUncounted(
      change.moveKeys(pending.flatMap(({ keys }) => keys)),
    )
    if (!errors) return failAll(pending, timedOutWhileMoving)
    const moved: PendingCommand[] = []
    for (const one of pending) {
      const error = one.keys
        .map((key) => errors.get(key))
        .find((keyError) => keyError !== undefined)
      if (error) one.settle(error)
      else moved.push(one)
    }
    if (moved.length > 0)
      void this.#send(moved, change.to.shardOf(moved[0]!.keys[0]!), change.to, delivery)
  }
}

/** Sends commands to one shard. Returns the promise of each result, none of which rejects. */
export type SendTo = (
  shard: Shard,
  commands: readonly Command[],
  timeout: number | undefined,
) => readonly Promise<CommandResult>[]

/** How commands are sent, and until when. */
interface Delivery {
  readonly sendTo: SendTo
  readonly deadline: CommandDeadline
}

function groupIn<K>(groups: Map<K, PendingCommand[]>, id: K): PendingCommand[] {
  let group = groups.get(id)
  if (!group) groups.set(id, (group = []))
  return group
}

/** Returns the channel of a PUBLISH. It is not a key, and yet it decides on the shard. */
function channelOf([name, channel]: Command['args']): string | undefined {
  return /^s?publish$/i.test(name) && channel !== undefined ? String(channel) : undefined
}

function isRefusedByBreaker(result: CommandResult): result is ConnectionError {
  return result instanceof ConnectionError && result.code === 'CIRCUIT_OPEN'
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
