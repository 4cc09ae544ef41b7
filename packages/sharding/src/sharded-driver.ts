import {
  CacheError,
  ConnectionError,
  InvalidOptionError,
  type Breaker,
  type Driver,
  type Duration,
} from '@cache/core'
import { checkBreaker, checkOptions, type OptionChecks } from '@cache/core/internal'
import { ShardedConnection } from './connection.js'
import { ReshardConflictError } from './errors.js'
import { Layout } from './layout.js'
import type { Placement } from './placement/placement.js'
import { rendezvous } from './placement/rendezvous.js'
import { reshard } from './reshard/reshard.js'
import { Router, type SendTo } from './router.js'
import { createShard, type Shard } from './shard.js'
import { ShardedSubscription } from './subscription.js'

/** By name. A name stands for a server and what is on it: it alone decides which keys are there. */
export type Shards = Readonly<
  Record<string, Driver | { readonly driver: Driver; /** Default 1. */ readonly weight?: number }>
>

export interface ShardLayout {
  readonly shards: Shards
  /** Which key is on which. Default `rendezvous()`. */
  readonly placement?: Placement
}

export interface ShardedDriverOptions extends ShardLayout {
  /**
   * How long a change of shards is announced before it is made: within this time all processes must
   * call `reshard`. Default 30 s.
   */
  readonly settle?: Duration
  /**
   * What becomes of the keys of a shard that does not answer: their commands `'fail'`, or go to the
   * `'next'` shard, for data that may be lost and may be stale when the shard is back. Default
   * 'fail'.
   */
  readonly onShardDown?: 'fail' | 'next'
  /**
   * Of each shard: when it has sent nothing at all since a command older than `timeout`, after at
   * least `failures` sends in a row without an answer (default 5), nothing is sent there for
   * `cooldown` (default 1 s); then one goes first.
   */
  readonly breaker?: { readonly failures?: number; readonly cooldown?: Duration }
  /** How long a command waits for its reply where its sender does not say. Default 1 s. */
  readonly timeout?: Duration
}

export interface ReshardOptions {
  /**
   * Old shards that are gone for good: nothing is moved from them. The same in all processes; also
   * later, when one dies meanwhile: call `reshard` once more.
   */
  readonly lost?: readonly string[]
}

export interface ShardedDriver extends Driver {
  readonly topology: 'sharded'
  /** The name of the shard that a key is on. */
  shardOf(key: string): string
  /**
   * Changes to other shards while everything runs, together with all processes that use the present
   * ones: each calls it, with the same, within `settle` from the first. All change at one moment;
   * then each key is moved before it is first used in its new place, and one process moves the
   * rest. Nothing is lost, nothing is stale; keys that move wait for some tens of ms once. Resolves
   * when everything has been moved. Drivers of shards that are left out are closed then.
   *
   * A process that starts meanwhile starts with the old shards, and calls it.
   *
   * @throws {InvalidOptionError}
   * @throws {ShardNotEmptyError} when a shard that is added holds keys: they would be taken for
   * current.
   * @throws {ReshardConflictError} when these shards are being changed to other ones.
   * @throws {LateReshardError} when the others had changed before, and this process has used the
   * old places meanwhile.
   * @throws {ConnectionError} when the shards can't be asked when to change, or one does not let
   * what a late process left there be removed in time: nothing changes here. Call it again.
   * @example await driver.reshard({ shards: { a, b, c, d: ioredisDriver(new Redis(6382)) } })
   */
  reshard(next: ShardLayout, options?: ReshardOptions): Promise<void>
}

/**
 * Independent servers as one driver. A key's hash tag, or the whole key where it has none, decides
 * on its shard, so what stands beside an entry is where the entry is. Each shard has a breaker of
 * its own: one that is out concerns its own keys only.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const driver = shardedDriver({ shards: { a: ioredisDriver(new Redis(6379)), b: { driver: nodeRedisDriver(createClient({ url })), weight: 2 } } })
 * const client = createCacheClient(driver)
 */
export function shardedDriver(options: ShardedDriverOptions): ShardedDriver {
  const check = checkOptions('shardedDriver', options, [
    'shards',
    'placement',
    'settle',
    'onShardDown',
    'breaker',
    'timeout',
  ])
  const settle = check.duration('settle', 30_000)
  if (settle < 200 || settle > 86_400_000) check.fail('settle', "from '200ms' to '1d'")
  const onShardDown = check.oneOf('onShardDown', ['fail', 'next'], 'fail')
  const timeout = check.duration('timeout', 1_000)
  const breaker = checkBreaker(check, timeout)
  const router = new Router(layoutOf(check, options, breaker, []), onShardDown)
  const stop = new AbortController()
  const subscriptions = new Set<ShardedSubscription>()
  const connections = new Set<ShardedConnection>()
  let changing:
    { readonly to: Layout; readonly lost: Set<string>; readonly done: Promise<void> } | undefined

  const sendTo: SendTo = async (shard, commands, left = timeout, settleOne) => {
    const replies = await shard.send(commands, left, settleOne)
    for (let place = 0; place < replies.length; place++) settleOne(place, replies[place]!)
  }
  /** They may hold something yet. */
  const leaving = new Set<Shard>()
  /** While they change: the old ones and the new. */
  const present = (): readonly Shard[] => [
    ...new Set([...router.layout.shards, ...(changing?.to.shards ?? []), ...leaving]),
  ]

  return {
    name: 'sharded',
    topology: 'sharded',
    shardOf: (key) => router.layout.shardOf(key).name,
    group: (keys) => router.group(keys),

    send: (commands, how = {}) => router.send(commands, how, sendTo),

    sinceResend: () =>
      Math.min(...present().map(({ driver }) => driver.sinceResend?.() ?? Infinity)),

    get dedicates() {
      return present().every(({ driver }) => driver.dedicates !== false)
    },

    async dedicate() {
      refuseIfClosed(stop.signal)
      const connection = new ShardedConnection(router, () => connections.delete(connection))
      connections.add(connection)
      try {
        await Promise.all(present().map((shard) => connection.open(shard)))
      } catch (error) {
        await connection.close()
        throw error
      }
      return connection
    },

    async subscribe(channels, on, how = {}) {
      refuseIfClosed(stop.signal)
      const subscription = new ShardedSubscription(channels, on, how, () =>
        subscriptions.delete(subscription),
      )
      subscriptions.add(subscription)
      await subscription.open(present())
      return subscription
    },

    async nodes() {
      const all = await Promise.all(
        present().map(async ({ name, driver }) =>
          (await driver.nodes()).map(({ id, send }) => ({ id: `${name}/${id}`, send })),
        ),
      )
      return all.flat()
    },

    async reshard(next, how = {}) {
      refuseIfClosed(stop.signal)
      const nextCheck = checkOptions('reshard', next, ['shards', 'placement'])
      const from = router.layout
      const to = layoutOf(nextCheck, next, breaker, present())
      if (typeof how !== 'object' || how === null)
        throw new InvalidOptionError('options', 'an object of options', how)
      const { lost = [] } = how
      checkOptions('reshard', how, ['lost'])
      const shards = [...new Set([...router.layout.shards, ...leaving])].map(({ name }) => name)
      if (!Array.isArray(lost) || !lost.every((name) => shards.includes(name)))
        throw new InvalidOptionError('lost', `an array of some of ${shards.join(', ')}`, lost)
      if (changing && changing.to.fingerprint !== to.fingerprint) throw new ReshardConflictError()
      if (changing) {
        for (const name of lost) changing.lost.add(name)
        return changing.done
      }
      if (to.fingerprint === from.fingerprint) return
      const removed = from.shards.filter((shard) => !to.shards.includes(shard))
      const added = to.shards.filter((shard) => !from.shards.includes(shard))
      const gone = new Set(lost)
      const done = reshard(router, to, {
        lost: gone,
        added,
        settle,
        timeout,
        stop: stop.signal,
        onAgreed: () => {
          for (const subscription of subscriptions) subscription.add(added)
        },
        onSwitched() {
          for (const shard of removed) leaving.add(shard)
          for (const subscription of subscriptions) subscription.count()
          for (const connection of connections) void connection.restart()
        },
      })
      changing = { to, lost: gone, done }
      try {
        await done
      } catch (error) {
        if (router.layout !== to)
          await Promise.all([...subscriptions].map((subscription) => subscription.remove(added)))
        throw stop.signal.aborted ? stop.signal.reason : error
      } finally {
        changing = undefined
        if (router.layout === to && !stop.signal.aborted) await leave(removed)
      }
    },

    async close() {
      const all = present()
      stop.abort(new ConnectionError('The driver was closed.', { code: 'CLOSED' }))
      router.change?.giveUp()
      await Promise.all([...subscriptions, ...connections].map((one) => one.close()))
      await Promise.all(all.map(({ driver }) => driver.close()))
    },
  }

  async function leave(removed: readonly Shard[]): Promise<void> {
    leaving.clear()
    await Promise.all([...subscriptions].map((subscription) => subscription.remove(removed)))
    await Promise.all(removed.map(({ driver }) => driver.close()))
  }
}

/** Shards that are known already are those, with the weight they are to have. */
function layoutOf(
  check: OptionChecks,
  { shards, placement = rendezvous() }: ShardLayout,
  breaker: Breaker,
  known: readonly Shard[],
): Layout {
  if (
    typeof shards !== 'object' ||
    shards === null ||
    Array.isArray(shards) ||
    Object.keys(shards).length === 0
  )
    check.fail('shards', 'an object of at least one driver, each by its name')
  const fits =
    typeof placement === 'object' &&
    placement !== null &&
    typeof placement.name === 'string' &&
    typeof placement.build === 'function'
  if (!fits) check.fail('placement', 'rendezvous(), ketama(), jump(), modulo() or your own')
  const drivers = new Set<Driver>()
  const weights: number[] = []
  const all = Object.entries(shards).map(([name, one]) => {
    if (/:\/\/\S*@/.test(name))
      throw new InvalidOptionError(
        'shards',
        'named without users and passwords: errors tell the names',
      )
    const option = `shards.${name}`
    if (name === '' || /[\0-\x1f]/.test(name))
      throw new InvalidOptionError(option, 'named without control characters', name)
    const {
      driver,
      weight = 1,
      ...rest
    } = isDriver(one) ? { driver: one } : ((one ?? {}) as { driver?: unknown; weight?: unknown })
    if (!isDriver(driver) || Object.keys(rest).length > 0)
      throw new InvalidOptionError(option, 'a driver, or { driver, weight }', one)
    if (typeof weight !== 'number' || !(weight > 0 && weight < Infinity))
      throw new InvalidOptionError(`${option}.weight`, 'a number above 0', weight)
    if (drivers.has(driver))
      throw new InvalidOptionError(
        option,
        'a driver of its own: two shards are given the same',
        driver,
      )
    drivers.add(driver)
    weights.push(weight)
    const before = known.find((shard) => shard.name === name)
    if (before && before.driver !== driver)
      throw new InvalidOptionError(
        option,
        'the same driver as before: a name stands for a server and what is on it',
        driver,
      )
    return before ?? createShard(name, driver, breaker)
  })
  try {
    const layout = new Layout(all, weights, placement)
    void layout.fingerprint // a sample of all it answers
    return layout
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'PLACEMENT') throw error
    return check.fail(
      'placement',
      'one whose build() gives a function that answers with a place in the list of shards',
    )
  }
}

function isDriver(value: unknown): value is Driver {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['send', 'group', 'nodes', 'subscribe', 'dedicate', 'close'].every(
      (method) => typeof (value as Record<string, unknown>)[method] === 'function',
    )
  )
}

function refuseIfClosed(stop: AbortSignal): void {
  if (stop.aborted) throw new ConnectionError('The driver is closed.', { code: 'CLOSED' })
}
