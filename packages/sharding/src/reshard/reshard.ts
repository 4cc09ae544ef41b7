import { setTimeout as sleep } from 'node:timers/promises'
import { channels } from '@cache/core'
import { emit, scriptSources } from '@cache/core/internal'
import { LateReshardError, ShardNotEmptyError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Router } from '../router.js'
import type { Shard } from '../shard.js'
import { awaitSwitch } from './await-switch.js'
import { isInternalKey } from './internal-keys.js'
import { KeyMover, LATEST_STORE } from './key-mover.js'
import { removeLeftovers } from './remove-leftovers.js'
import { ReshardRegister, type AgreedChange } from './reshard-register.js'
import { scanKeys } from './scan-keys.js'
import { HOLD_BEFORE_SWITCH, ShardChange } from './shard-change.js'
import { sweep } from './sweep.js'

export interface ReshardSettings {
  /** Names of the shards that are gone for good, with all they held. The set may grow. */
  readonly lost: ReadonlySet<string>
  /** The shards of the new layout that are not in the old one. */
  readonly added: readonly Shard[]
  /** Ms from the first process' call until the switch. */
  readonly announceFor: number
  /** Ms that a shard has to answer. */
  readonly timeout: number
  /** Aborts when the driver is closed. */
  readonly stop: AbortSignal
  /** Called when the change is agreed. Nothing is published on the added shards yet. */
  onAgreed(): void
  /** Called when the new shards are used from now on. */
  onSwitched(): void
}

/**
 * Changes from the router's layout to another one, together with all processes that do the same.
 * Resolves when every key has been moved.
 */
export async function reshard(
  router: Router,
  to: Layout,
  settings: ReshardSettings,
): Promise<void> {
  const { lost, timeout, stop } = settings
  const from = router.layout
  const register = new ReshardRegister(from, to, settings)
  const change = new ShardChange(from, to)
  const agreed = await agree(router, register, change, settings)
  const { id, switchTime, done } = agreed
  const mover = new KeyMover(from, to, { changeId: id, lost, timeout })
  change.moveWith(mover)
  let late = router.oldShardsUsedAt > switchTime.earliest
  settings.onAgreed()
  if (!done) {
    change.switchAt(switchTime)
    loadScripts(to.shards)
    await awaitSwitch(change, register, agreed, stop)
    late ||= router.oldShardsUsedAt > change.switchTime!.latest
  }
  router.switchTo(to)
  if (done) {
    router.finish() // every key has been moved already
    change.switchAt(switchTime)
  }
  change.wake()
  settings.onSwitched()
  const error = late
    ? new LateReshardError(performance.now() - change.switchTime!.latest)
    : undefined
  if (error) emit(channels.error, () => ({ operation: 'reshard', error }))
  if (!done) await moveRemainingKeys({ from, to, mover, register, agreed, lost, stop })
  router.finish()
  if (error) throw error
}

/** Agrees on the change with the other processes. Nothing has changed if this rejects. */
async function agree(
  router: Router,
  register: ReshardRegister,
  change: ShardChange,
  { lost, added, timeout }: ReshardSettings,
): Promise<AgreedChange> {
  const { from, to } = change
  const hasBegun = () => register.hasBegun()
  // The register's shard may be silent. A process that has used the old shards goes on with them,
  // and may find out that it was late. One that has just started waits until the request fails.
  const hold = () =>
    change.hold(router.oldShardsUsedAt === -Infinity ? undefined : HOLD_BEFORE_SWITCH)
  hold()
  router.begin(change)
  let undoes: readonly string[] = []
  try {
    if (!(await hasBegun())) {
      change.release()
      undoes = await register.earlierChanges()
      await refuseNonEmpty(added, hasBegun)
      await removeLeftovers({ from, to, lost, timeout, hasBegun })
      hold()
    }
    return await register.join(undoes)
  } catch (error) {
    router.abandon(change)
    throw error
  }
}

/**
 * Refuses added shards that hold keys, because these would be read as current. No process uses an
 * added shard before the change begins, so its keys can't be from this set of processes.
 */
async function refuseNonEmpty(
  added: readonly Shard[],
  hasBegun: () => Promise<boolean>,
): Promise<void> {
  for (const { name, driver } of added) {
    for (const node of await driver.nodes()) {
      for await (const keys of scanKeys(node)) {
        if (await hasBegun()) return
        const foreign = keys.find((key) => !isInternalKey(key))
        if (foreign !== undefined) throw new ShardNotEmptyError(name, foreign)
      }
    }
  }
}

/**
 * Loads this process' scripts into the shards, so that the first use of a key on its new shard
 * needs no second attempt. A shard that refuses SCRIPT LOAD learns each script when it is used.
 */
function loadScripts(shards: readonly Shard[]): void {
  const commands = () =>
    scriptSources().map((source) => ({
      args: ['SCRIPT', 'LOAD', source] as [string, ...string[]],
      keys: [],
    }))
  for (const { driver } of shards)
    driver
      .nodes()
      .then((nodes) => Promise.all(nodes.flatMap((node) => node.send(commands()))))
      .catch(() => undefined)
}

interface RemainingMove {
  readonly from: Layout
  readonly to: Layout
  readonly mover: KeyMover
  readonly register: ReshardRegister
  readonly agreed: AgreedChange
  readonly lost: ReadonlySet<string>
  readonly stop: AbortSignal
}

/**
 * Resolves when every key has been moved. One of the processes moves the keys that no process has
 * used since the switch; the others wait for it.
 */
async function moveRemainingKeys({
  from,
  to,
  mover,
  register,
  agreed,
  lost,
  stop,
}: RemainingMove): Promise<void> {
  for (; ; await sleep(POLL_INTERVAL, undefined, { signal: stop, ref: false })) {
    try {
      const read = await register.read()
      if (read?.done || (!read && (await register.isSuperseded()))) return
      if (!read) await register.restore(agreed)
      await register.persist()
      await register.forgetUndoneChanges(agreed)
      if (await register.acquireSweepLease()) {
        await sweep({
          from,
          to,
          mover,
          shards: from.shards.filter(({ name }) => !lost.has(name)),
          onPage: () => register.renewSweepLease(),
        })
        // After this time no process stores a value any more that it read from an old shard.
        await sleep(LATEST_STORE, undefined, { signal: stop })
        return await register.complete(agreed.id)
      }
    } catch (error) {
      stop.throwIfAborted()
      emit(channels.error, () => ({ operation: 'reshard', error }))
    }
  }
}

const POLL_INTERVAL = 500
