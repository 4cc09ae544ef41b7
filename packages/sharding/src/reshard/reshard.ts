import { setTimeout as sleep } from 'node:timers/promises'
import { channels } from '@cache/core'
import { scriptSources, emit } from '@cache/core/internal'
import { LateReshardError, ShardNotEmptyError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Router } from '../router.js'
import type { Shard } from '../shard.js'
import { Agreement, type Agreed } from './agreement.js'
import { Change, HOLD, type Moment } from './change.js'
import { clearNewPlaces } from './clear.js'
import { Mover, NOBODY_LATE } from './mover.js'
import { isLeftToThemselves, pages, sweep } from './sweep.js'

export interface Terms {
  /** Shards that are gone for good, with what they held. May grow. */
  readonly lost: ReadonlySet<string>
  /** Shards that were not there before. */
  readonly added: readonly Shard[]
  /** Ms from the first process' call to the change. */
  readonly settle: number
  /** Ms. */
  readonly timeout: number
  /** Aborts when the driver is closed. */
  readonly stop: AbortSignal
  /** Listens at the new shards as well; nothing is published there yet. */
  onAgreed(change: Change): void
  /** The new places are used from now on. */
  onSwitched(): void
}

/**
 * Changes from the router's layout to another, together with all processes that do the same.
 * Resolves once everything has been moved.
 */
export async function reshard(router: Router, to: Layout, terms: Terms): Promise<void> {
  const { lost, timeout, stop } = terms
  const from = router.layout
  const agreement = new Agreement(from, to, terms)
  const mover = new Mover(from, to, terms)
  const change = new Change(from, to, mover)
  const hasBegun = () => agreement.hasBegun()
  // Whoever is to say when the moment is may be silent. Who uses the old places already goes on
  // there, and may be told that it was late; who has just started waits until the asking fails.
  const hold = () => change.hold(router.usedAt === -Infinity ? undefined : HOLD)
  hold()
  router.begin(change)
  let agreed: Agreed
  let undoes: readonly string[] = []
  try {
    if (!(await hasBegun())) {
      change.release()
      undoes = await agreement.earlier()
      await refuseKeys(terms.added, hasBegun)
      await clearNewPlaces({ from, to, lost, timeout, hasBegun })
      hold()
    }
    agreed = await agreement.join(undoes)
  } catch (error) {
    router.abandon(change)
    throw error
  }
  const { id, moment, done } = agreed
  mover.id = id
  let late = router.usedAt > moment.earliest
  terms.onAgreed(change)
  if (!done) {
    change.moment = moment
    giveScripts(to.shards)
    await reached(change, agreement, agreed, stop)
    late ||= router.usedAt > change.moment.latest
  }
  router.switchTo(to)
  if (done) router.finish() // nothing is left to be moved
  change.moment ??= moment
  change.wake()
  terms.onSwitched()
  const error = late ? new LateReshardError(performance.now() - change.moment.latest) : undefined
  if (error) emit(channels.error, () => ({ operation: 'reshard', error }))
  if (!done) await finish({ from, to, mover, agreement, agreed, terms })
  router.finish()
  if (error) throw error
}

/**
 * What an added shard holds would be taken for current. Before the change nobody uses it, so
 * nothing of that is ours.
 */
async function refuseKeys(
  added: readonly Shard[],
  hasBegun: () => Promise<boolean>,
): Promise<void> {
  for (const { name, driver } of added) {
    for (const node of await driver.nodes()) {
      for await (const keys of pages(node)) {
        if (await hasBegun()) return
        const found = keys.find((key) => !isLeftToThemselves(key))
        if (found !== undefined) throw new ShardNotEmptyError(name, found)
      }
    }
  }
}

/**
 * So that a key's first use in its new place needs no second attempt. A shard that refuses it hears
 * of each script when it is used.
 */
function giveScripts(shards: readonly Shard[]): void {
  for (const { driver } of shards) {
    driver
      .nodes()
      .then((nodes) =>
        Promise.all(
          nodes.map((node) =>
            node.send(
              scriptSources().map((source) => ({ args: ['SCRIPT', 'LOAD', source], keys: [] })),
            ),
          ),
        ),
      )
      .catch(() => undefined)
  }
}

/**
 * Resolves when the moment has passed. Until then it is measured again and again, and most exactly
 * shortly before: clocks drift, and are set.
 */
async function reached(
  change: Change,
  agreement: Agreement,
  agreed: Agreed,
  stop: AbortSignal,
): Promise<void> {
  let known = { moment: agreed.moment, at: agreed.at, since: performance.now() }
  /** Where nobody answers: as it was, less exactly. */
  const drifted = (): Moment => {
    const drift = (performance.now() - known.since) * DRIFT
    return { earliest: known.moment.earliest - drift, latest: known.moment.latest + drift }
  }
  /**
   * The moment as the register has it; but a clock that has been set since it was read last doesn't
   * move it.
   */
  const look = async (): Promise<void> => {
    const seen = (await agreement.look()) ?? (await agreement.renew(agreed, drifted()))
    const expected = drifted()
    const both = {
      earliest: Math.max(seen.moment.earliest, expected.earliest),
      latest: Math.min(seen.moment.latest, expected.latest),
    }
    if (seen.at !== known.at)
      // somebody has corrected it
      known = { moment: seen.moment, at: seen.at, since: performance.now() }
    else if (both.earliest <= both.latest)
      known = { moment: both, at: seen.at, since: performance.now() }
    else await agreement.correct(seen, expected)
  }
  const within = <T>(ms: number, work: Promise<T>): Promise<T | undefined> =>
    Promise.race([work.catch(() => undefined), sleep(ms, undefined, { ref: false })])
  for (;;) {
    const left = drifted().earliest - performance.now() - MEASURED_BEFORE
    if (left <= 0) break
    await sleep(Math.min(left, LOOKED_EVERY), undefined, { signal: stop })
    await within(MEASURED_BEFORE / 4, look())
    change.moment = drifted()
  }
  if (change.isBefore()) {
    await within(MEASURED_BEFORE / 2, measure())
    change.moment = drifted()
  }
  await sleep(Math.max(0, change.moment!.earliest - performance.now() - KEPT_BEFORE), undefined, {
    signal: stop,
  })
  for (const noted of [agreement.keep(), agreement.forgetEarlier(agreed)])
    noted.catch(() => undefined) // tried again afterwards
  for (let left = 1; left > 0; left = change.moment!.latest - performance.now())
    await sleep(Math.max(1, Math.ceil(left)), undefined, { signal: stop })

  /** Some times: what is known in the end is the most exact of it. */
  async function measure(): Promise<void> {
    for (let i = 0; i < 5 && performance.now() < known.moment.earliest - 2 * HOLD; i++)
      await look().catch(() => undefined)
  }
}

interface Finishing {
  readonly from: Layout
  readonly to: Layout
  readonly mover: Mover
  readonly agreement: Agreement
  readonly agreed: Agreed
  readonly terms: Terms
}

/**
 * One of the processes moves what nobody has used, until nothing is left; the others wait for that.
 */
async function finish({
  from,
  to,
  mover,
  agreement,
  agreed,
  terms: { lost, stop },
}: Finishing): Promise<void> {
  for (; ; await sleep(POLL, undefined, { signal: stop, ref: false })) {
    try {
      const seen = await agreement.look()
      if (seen?.done || (!seen && (await agreement.isPast()))) return
      if (!seen) await agreement.renew(agreed)
      await agreement.keep()
      await agreement.forgetEarlier(agreed)
      if (await agreement.maySweep()) {
        await sweep(
          from,
          to,
          mover,
          from.shards.filter(({ name }) => !lost.has(name)),
          () => agreement.goOnSweeping(),
        )
        // whoever has read something in an old place has stored it by then, or never will
        await sleep(NOBODY_LATE, undefined, { signal: stop })
        return await agreement.end(agreed.id)
      }
    } catch (error) {
      stop.throwIfAborted()
      emit(channels.error, () => ({ operation: 'reshard', error }))
    }
  }
}

const MEASURED_BEFORE = 1_000
const LOOKED_EVERY = 500
/** Ms before the moment at which a change is as good as made. */
const KEPT_BEFORE = 200
/** How much faster or slower than another a clock may run. */
const DRIFT = 1e-3
const POLL = 500
