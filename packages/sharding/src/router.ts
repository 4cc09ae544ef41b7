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
import { CrossShardError } from './errors.js'
import type { Layout } from './layout.js'
import type { Change } from './reshard/change.js'
import type { Shard } from './shard.js'
import { TimeLeft } from './time-left.js'

/** Sends to one shard; settles each command, and then resolves. */
export type SendTo = (
  shard: Shard,
  commands: readonly Command[],
  timeout: number | undefined,
  settle: Settle,
) => Promise<unknown>

/** Sends each command to its key's shard: one send per shard, all at once. */
export class Router {
  #layout: Layout
  #change: Change | undefined
  /** The change that ended each layout, for replies that still come from its shards. */
  readonly #changes = new WeakMap<Layout, Change>()
  #usedAt = -Infinity
  readonly #next: boolean

  /** `onShardDown`: what becomes of the keys of a shard whose breaker is open. */
  constructor(layout: Layout, onShardDown: 'fail' | 'next') {
    this.#layout = layout
    this.#next = onShardDown === 'next'
  }

  get layout(): Layout {
    return this.#layout
  }

  /** The change under way, from `begin` until `finish` or `abandon`. */
  get change(): Change | undefined {
    return this.#change
  }

  /**
   * When an old shard last answered for keys that move, and was believed; before a change is under
   * way, for any key. By `performance.now()`.
   */
  get usedAt(): number {
    return this.#usedAt
  }

  /** From now on the change decides about commands for keys that move. */
  begin(change: Change): void {
    this.#changes.set(change.from, change)
    this.#change = change
  }

  /** The change does not come about: everything goes on with the old shards. */
  abandon(change: Change): void {
    this.#changes.delete(change.from)
    this.#change = undefined
    change.giveUp()
  }

  /** Uses the new shards. */
  switchTo(layout: Layout): void {
    this.#layout = layout
  }

  /** Everything has been moved. */
  finish(): void {
    this.#change = undefined
  }

  send(
    commands: readonly Command[],
    { timeout, settle }: SendOptions,
    sendTo: SendTo,
  ): Promise<readonly (Reply | CacheError)[]> {
    if (commands.length === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      const sending = new Sending(commands, settle, sendTo, resolve)
      this.#dispatch(
        sending,
        commands.map((_, place) => place),
        new TimeLeft(timeout === undefined ? undefined : performance.now() + timeout),
      )
    })
  }

  /** Keys that may travel together now, and still may when what is under way has changed. */
  group(keys: readonly string[]): readonly (readonly string[])[] {
    const { layout } = this
    const change = this.change && layout !== this.change.to ? this.change : undefined
    const groups = new Map<string, { readonly shard: Shard; readonly keys: string[] }>()
    for (const key of keys) {
      const shard = layout.shardOf(key)
      const later = change
        ? change.to.shardOf(key)
        : this.#next
          ? layout.without(shard)?.shardOf(key)
          : undefined
      const name = later ? `${shard.name}\0${later.name}` : shard.name
      const group = groups.get(name)
      if (group) group.keys.push(key)
      else groups.set(name, { shard, keys: [key] })
    }
    return [...groups.values()]
      .flatMap((group) => group.shard.driver.group(group.keys))
      .flatMap((some) => (change ? change.to.shardOf(some[0]!).driver.group(some) : [some]))
  }

  #dispatch(sending: Sending, places: readonly number[], time: TimeLeft): void {
    const { layout, change } = this
    const parts = new Map<Shard, number[]>()
    const concerned: number[] = []
    for (const place of places) {
      const { args, keys } = sending.commands[place]!
      if (change?.concernsAny(keys) && !change.isBefore()) concerned.push(place)
      else {
        const shard =
          keys.length > 0
            ? layout.commonShard(keys)
            : channelOf(args) === undefined
              ? layout.shards[0]
              : layout.shardOf(channelOf(args)!)
        if (shard) partOf(parts, shard).push(place)
        else sending.settle(place, new CrossShardError(args[0], keys))
      }
    }
    for (const [shard, part] of parts) void this.#send(sending, shard, part, layout, time)
    if (concerned.length > 0) void this.#sendConcerned(sending, change!, concerned, time)
  }

  async #send(
    sending: Sending,
    shard: Shard,
    places: readonly number[],
    layout: Layout,
    time: TimeLeft,
  ): Promise<void> {
    const left = time.ms
    if (left !== undefined && left <= 0) return sending.settleAll(places, held)
    const refused: number[] = []
    const settle: Settle = (i, reply) => {
      const place = places[i]!
      const { keys } = sending.commands[place]!
      if (isRefused(reply) && (this.#next || keys.length === 0)) refused.push(place)
      else if (this.#changes.get(layout)?.isTooLateFor(keys))
        sending.settle(place, unsure(sending.commands[place]!, reply))
      else {
        if (
          keys.length > 0 &&
          !(reply instanceof Error) &&
          layout !== this.change?.to &&
          (this.#changes.get(layout)?.concernsAny(keys) ?? true)
        )
          this.#usedAt = performance.now()
        sending.settle(place, reply)
      }
    }
    try {
      await sending.sendTo(
        shard,
        places.map((place) => sending.commands[place]!),
        left,
        settle,
      )
    } catch (cause) {
      for (const i of places.keys())
        settle(
          i,
          new CacheError(`The driver of shard "${shard.name}" threw instead of answering.`, {
            code: 'DRIVER',
            cause: redactedError(cause),
          }),
        )
    }
    if (refused.length > 0) this.#sendElsewhere(sending, shard, refused, layout, time)
  }

  /** Its breaker is open, so nothing was sent. */
  #sendElsewhere(
    sending: Sending,
    shard: Shard,
    places: readonly number[],
    layout: Layout,
    time: TimeLeft,
  ): void {
    const others = layout.without(shard)
    const parts = new Map<Shard, number[]>()
    for (const place of places) {
      const { keys } = sending.commands[place]!
      const other = keys.length > 0 ? others?.commonShard(keys) : others?.shards[0]
      if (other && !this.change?.concernsAny(keys)) partOf(parts, other).push(place)
      else
        sending.settle(
          place,
          new ConnectionError(
            `Shard "${shard.name}" did not answer the last commands; none is sent until it answers a probe. Check that the server is up and reachable.`,
            { code: 'CIRCUIT_OPEN', command: sending.commands[place]!.args[0], key: keys[0] },
          ),
        )
    }
    for (const [other, part] of parts) void this.#send(sending, other, part, others!, time)
  }

  /**
   * Keys whose place changes, and that are used in the old one no more: they are moved before the
   * command is sent.
   */
  async #sendConcerned(
    sending: Sending,
    change: Change,
    places: readonly number[],
    time: TimeLeft,
  ): Promise<void> {
    if (!change.isSwitched()) {
      if (await time.held(change.next())) this.#dispatch(sending, places, time)
      else sending.settleAll(places, held)
      return
    }
    const parts = new Map<string, number[]>()
    for (const place of places) {
      const command = sending.commands[place]!
      const shard = change.to.commonShard(command.keys)
      // None waits for what another one's shard does not answer.
      if (shard)
        partOf(parts, `${change.from.shardOf(command.keys[0]!).name}\0${shard.name}`).push(place)
      else sending.settle(place, new CrossShardError(command.args[0], command.keys))
    }
    for (const part of parts.values()) void this.#moveAndSend(sending, change, part, time.copy())
  }

  async #moveAndSend(
    sending: Sending,
    change: Change,
    places: readonly number[],
    time: TimeLeft,
  ): Promise<void> {
    const failed = await time.held(
      change.move(places.flatMap((place) => sending.commands[place]!.keys)),
    )
    if (!failed) return sending.settleAll(places, held)
    const moved: number[] = []
    for (const place of places) {
      const error = sending.commands[place]!.keys.map((key) => failed.get(key)).find(
        (one) => one !== undefined,
      )
      if (error) sending.settle(place, error)
      else moved.push(place)
    }
    if (moved.length > 0)
      void this.#send(
        sending,
        change.to.shardOf(sending.commands[moved[0]!]!.keys[0]!),
        moved,
        change.to,
        time,
      )
  }
}

/** One send: its replies as they come. */
class Sending {
  readonly commands: readonly Command[]
  readonly sendTo: SendTo
  readonly #replies: (Reply | CacheError)[]
  readonly #onSettle: Settle | undefined
  readonly #done: (replies: readonly (Reply | CacheError)[]) => void
  #open: number

  constructor(
    commands: readonly Command[],
    onSettle: Settle | undefined,
    sendTo: SendTo,
    done: (replies: readonly (Reply | CacheError)[]) => void,
  ) {
    this.commands = commands
    this.sendTo = sendTo
    this.#replies = new Array<Reply | CacheError>(commands.length)
    this.#open = commands.length
    this.#onSettle = onSettle
    this.#done = done
  }

  settle(place: number, reply: Reply | CacheError): void {
    if (this.#replies[place] !== undefined) return
    this.#replies[place] = reply
    this.#onSettle?.(place, reply)
    this.#open--
    if (this.#open === 0) this.#done(this.#replies)
  }

  settleAll(places: readonly number[], error: (command: Command) => CacheError): void {
    for (const place of places) this.settle(place, error(this.commands[place]!))
  }
}

function partOf<K>(parts: Map<K, number[]>, of: K): number[] {
  let part = parts.get(of)
  if (!part) parts.set(of, (part = []))
  return part
}

/** What PUBLISH names is no key, and has a shard all the same. */
function channelOf([name, channel]: Command['args']): string | undefined {
  return /^s?publish$/i.test(name) && channel !== undefined ? String(channel) : undefined
}

function isRefused(reply: Reply | CacheError): boolean {
  return reply instanceof ConnectionError && reply.code === 'CIRCUIT_OPEN'
}

function held({ args, keys }: Command): CacheError {
  return new CommandTimeoutError(
    `${args[0]} timed out while its key was being moved to another shard. The command was not sent.`,
    { command: args[0], key: keys[0] },
  )
}

function unsure({ args, keys }: Command, cause: unknown): CacheError {
  return new ConnectionError(
    `${args[0]} got its reply from a shard that its key had left by then. It may or may not have been executed. Ask again.`,
    { code: 'RESHARDED', command: args[0], key: keys[0], cause },
  )
}
