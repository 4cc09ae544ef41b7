import {
  ConnectionError,
  InvalidOptionError,
  parseDuration,
  type Circuit,
  type Driver,
  type Duration,
} from '@cache/core'
import {
  breakerOption,
  choiceOption,
  customOption,
  durationOption,
  givenOption,
  readOptions,
  type OptionTable,
} from '@cache/core/internal'
import { checkLayout } from './check-layout.js'
import type { Placement } from './placement/placement.js'
import { rendezvous } from './placement/rendezvous.js'
import { Resharder } from './reshard/resharder.js'
import { Router, type SendTo } from './router.js'
import { ShardedConnection } from './sharded-connection.js'
import type { ReshardOptions, ShardLayout, ShardedDriverOptions } from './sharded-driver-options.js'
import { ShardedSubscription } from './sharded-subscription.js'

/** A driver over independent servers. */
export interface ShardedDriver extends Driver {
  readonly topology: 'sharded'
  /** Returns the name of the shard that a key is on. */
  shardOf(key: string): string
  /**
   * Changes to other shards while everything runs, together with all processes that use the present
   * shards. Each process calls it with the same arguments, within `announceFor` of the first call.
   * Resolves when every key has been moved. The drivers of removed shards are closed then.
   *
   * All processes switch at the same time. After that, each key is moved before it is first used on
   * its new shard, and one process moves the remaining keys. Nothing is lost and nothing is stale.
   * Commands for moving keys wait once, for some tens of ms.
   *
   * A process that starts during a change starts with the old shards and calls `reshard` as well.
   *
   * @throws {InvalidOptionError} naming the option.
   * @throws {ShardNotEmptyError} if an added shard holds keys, which would be read as current.
   * @throws {ReshardConflictError} if another change of these shards is under way.
   * @throws {LateReshardError} if the other processes had switched before, and this process has
   * used the old shards since then.
   * @throws {ConnectionError} if the shards don't answer when they are asked for the switch time,
   * or if an outdated copy of a key can't be removed in time. Nothing has changed in this process.
   * Call `reshard` again.
   * @example await driver.reshard({ shards: { a, b, c, d: ioredisDriver(new Redis(6382)) } })
   */
  reshard(next: ShardLayout, options?: ReshardOptions): Promise<void>
}

/**
 * Creates a driver that spreads keys over independent servers. The hash tag of a key decides on its
 * shard, or the whole key if it has no tag, so keys with the same tag are on the same shard. Each
 * shard has its own circuit breaker: a shard that is down affects only its own keys.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const driver = shardedDriver({
 *   shards: {
 *     a: ioredisDriver(new Redis(6379)),
 *     b: { driver: nodeRedisDriver(createClient({ url })), weight: 2 },
 *   },
 * })
 * const client = createCacheClient(driver)
 */
export function shardedDriver(options: ShardedDriverOptions): ShardedDriver {
  const checked = readOptions('shardedDriver', shardedOptions, options)
  const { announceFor, onShardDown, timeout } = checked
  const breaker = { ...checked.breaker, silence: timeout }
  const router = new Router(checkLayout(checked, breaker, []), onShardDown)
  const stop = new AbortController()
  const subscriptions = new Set<ShardedSubscription>()
  const connections = new Set<ShardedConnection>()
  const resharder = new Resharder(router, {
    announceFor,
    timeout,
    stop: stop.signal,
    onAgreed(added) {
      for (const subscription of subscriptions) subscription.add(added)
    },
    onSwitched() {
      for (const subscription of subscriptions) subscription.requireAll()
      for (const connection of connections) void connection.restart()
    },
    async onCancelled(added) {
      await Promise.all([...subscriptions].map((subscription) => subscription.remove(added)))
    },
    async onCompleted(removed) {
      await Promise.all([...subscriptions].map((subscription) => subscription.remove(removed)))
      await Promise.all(removed.map(({ driver }) => driver.close()))
    },
  })

  const sendTo: SendTo = (shard, commands, commandTimeout = timeout) =>
    shard.send(commands, commandTimeout)

  return {
    name: 'sharded',
    topology: 'sharded',
    shardOf: (key) => router.layout.shardOf(key).name,
    group: (keys) => router.group(keys),
    groupReads: (keys) => router.groupReads(keys),

    nodeOf: (key) => router.layout.shardOf(key).name,

    circuits: () =>
      new Map(
        resharder.shards.flatMap(({ name, send }) => {
          const states = [...send.circuits().values()]
          return states.length === 0 ? [] : [[name, states.find(isOpen) ?? states[0]!] as const]
        }),
      ),

    send: (commands, sendOptions = {}) => router.send(commands, sendOptions, sendTo),

    sinceResend: () =>
      Math.min(...resharder.shards.map(({ driver }) => driver.sinceResend?.() ?? Infinity)),

    get dedicates() {
      return resharder.shards.every(({ driver }) => driver.dedicates !== false)
    },

    async dedicate() {
      refuseIfClosed(stop.signal)
      const connection = new ShardedConnection(router, () => connections.delete(connection))
      connections.add(connection)
      try {
        await Promise.all(resharder.shards.map((shard) => connection.open(shard)))
      } catch (error) {
        await connection.close()
        throw error
      }
      return connection
    },

    async subscribe(channels, events, subscribeOptions = {}) {
      refuseIfClosed(stop.signal)
      const subscription = new ShardedSubscription(channels, events, subscribeOptions, () =>
        subscriptions.delete(subscription),
      )
      subscriptions.add(subscription)
      await subscription.open(resharder.shards)
      return subscription
    },

    async nodes() {
      const nodes = await Promise.all(
        resharder.shards.map(async ({ name, driver }) =>
          (await driver.nodes()).map(({ id, send }) => ({ id: `${name}/${id}`, send })),
        ),
      )
      return nodes.flat()
    },

    async reshard(next, callOptions = {}) {
      refuseIfClosed(stop.signal)
      const layout = readOptions('reshard', layoutOptions, next)
      const to = checkLayout(layout, breaker, resharder.shards)
      await resharder.reshard(to, checkLost(callOptions, resharder.losableNames))
    },

    async close() {
      const { shards } = resharder
      stop.abort(new ConnectionError('The driver was closed.', { code: 'CLOSED' }))
      resharder.cancel()
      await Promise.all([...subscriptions, ...connections].map((open) => open.close()))
      await Promise.all(shards.map(({ driver }) => driver.close()))
    },
  }
}

/** The rows of `ShardLayout`. */
const layoutOptions = {
  shards: givenOption(),
  placement: givenOption<Placement>(rendezvous()),
} satisfies OptionTable<ShardLayout>

/** The rows of `ShardedDriverOptions`. */
const shardedOptions = {
  ...layoutOptions,
  announceFor: customOption((value, path) => {
    const ms = parseDuration((value === undefined ? '30s' : value) as Duration, path)
    if (ms >= 200 && ms <= 86_400_000) return ms
    throw new InvalidOptionError(path, "from '200ms' to '1d'", value)
  }),
  onShardDown: choiceOption(['fail', 'next'], 'fail'),
  breaker: breakerOption,
  timeout: durationOption('1s'),
} satisfies OptionTable<ShardedDriverOptions>

/** The rows of `ReshardOptions`. */
const reshardOptions = {
  lost: givenOption<readonly string[]>([]),
} satisfies OptionTable<ReshardOptions>

function isOpen(circuit: Circuit): boolean {
  return circuit === 'open'
}

function checkLost(options: ReshardOptions, losable: readonly string[]): readonly string[] {
  const { lost } = readOptions('options', reshardOptions, options)
  if (!Array.isArray(lost) || !lost.every((name) => losable.includes(name)))
    throw new InvalidOptionError('lost', `an array of some of ${losable.join(', ')}`, lost)
  return lost
}

function refuseIfClosed(stop: AbortSignal): void {
  if (stop.aborted) throw new ConnectionError('The driver is closed.', { code: 'CLOSED' })
}
