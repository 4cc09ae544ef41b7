import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { channels, tell } from '@cache/core'
import { LateReshardError, ShardNotEmptyError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Router } from '../router.js'
import type { Shard } from '../shard.js'
import { Agreement } from './agreement.js'
import { Change, HOLD, type Moment } from './change.js'
import { MARK_LIFE, Mover } from './mover.js'
import { isLeftToThemselves, pages, sweep } from './sweep.js'

export interface Terms {
  /** Shards that are gone for good, with what they held. */
  readonly lost: readonly string[]
  /** Shards that were not there before. */
  readonly added: readonly Shard[]
  /** Ms from the first process' call to the change. */
  readonly settle: number
  /** Ms. */
  readonly timeout: number
  /** Aborts when the driver is closed. */
  readonly stop: AbortSignal
  /** When the old places were last used, by `performance.now()`. */
  usedAt(): number
  /** Listens at the new shards as well; nothing is published there yet. */
  onAgreed(change: Change): void
  /** The new places are used from now on. */
  onSwitched(): void
}

/** Changes from the router's layout to another, together with all processes that do the same. Resolves once everything has been moved. */
export async function reshard(router: Router, to: Layout, terms: Terms): Promise<void> {
  const { lost, timeout, stop } = terms
  const from = router.layout
  const agreement = new Agreement(from, to, terms)
  const mover = new Mover(from, to, { lost, timeout, id: createHash('sha1').update(from.fingerprint + to.fingerprint).digest('hex').slice(0, 12) })
  const change = new Change(from, to, mover)
  from.ending = change
  router.change = change
  let usedAt = terms.usedAt() // what is asked from now on waits
  let late: number
  try {
    if (!(await agreement.hasBegun())) {
      change.release()
      await refuseKeys(terms.added)
      await agreement.forgetEarlier() // which also shows that all of them answer
      usedAt = terms.usedAt()
      change.hold()
    }
    const { moment } = await agreement.join()
    change.moment = moment
    late = usedAt > moment.latest ? performance.now() - moment.latest : 0
  } catch (error) {
    from.ending = undefined
    router.change = undefined
    change.giveUp()
    throw error
  }
  terms.onAgreed(change)
  await reached(change, agreement, stop)
  router.layout = to
  change.wake()
  terms.onSwitched()
  await finish({ from, to, mover, agreement, terms })
  router.change = undefined
  if (late > 0) throw new LateReshardError(late)
}

/** What an added shard holds would be taken for current. Before the change nobody uses it, so nothing of that is ours. */
async function refuseKeys(added: readonly Shard[]): Promise<void> {
  for (const { name, driver } of added) {
    for (const node of await driver.nodes()) {
      for await (const keys of pages(node)) {
        const found = keys.find((key) => !isLeftToThemselves(key))
        if (found !== undefined) throw new ShardNotEmptyError(name, found)
      }
    }
  }
}

/** Resolves when the moment has passed. Shortly before, it is measured again: clocks drift, and are set. */
async function reached(change: Change, agreement: Agreement, stop: AbortSignal): Promise<void> {
  const first = change.moment!
  const ahead = first.earliest - performance.now()
  if (ahead > MEASURED_BEFORE) {
    await sleep(ahead - MEASURED_BEFORE, undefined, { signal: stop })
    const measured = await measure(agreement)
    // Where nobody answered: as it was, less exactly.
    const drift = ahead * DRIFT
    change.moment = measured ?? { earliest: first.earliest - drift, latest: first.latest + drift }
  }
  for (let left = 1; left > 0; left = change.moment!.latest - performance.now()) await sleep(Math.max(1, Math.ceil(left)), undefined, { signal: stop })
}

/** The most exact of some answers. */
async function measure(agreement: Agreement): Promise<Moment | undefined> {
  let best: Moment | undefined
  for (let i = 0; i < 5; i++) {
    const moment = await agreement.look().then((agreed) => agreed?.moment, () => undefined)
    if (moment && (!best || moment.latest - moment.earliest < best.latest - best.earliest)) best = moment
    if (best && performance.now() > best.earliest - 2 * HOLD) break
  }
  return best
}

interface Finishing {
  readonly from: Layout
  readonly to: Layout
  readonly mover: Mover
  readonly agreement: Agreement
  readonly terms: Terms
}

/** One of the processes moves what nobody has used, until nothing is left; the others wait for that. */
async function finish({ from, to, mover, agreement, terms: { lost, stop } }: Finishing): Promise<void> {
  const left = from.shards.filter(({ name }) => !lost.includes(name))
  for (;;) {
    try {
      if ((await agreement.look())?.done) return
      if (await agreement.maySweep()) {
        await sweep(from, to, mover, left, () => agreement.goOnSweeping())
        await sleep(MARK_LIFE, undefined, { signal: stop }) // whoever has read something in an old place has stored it by then, or never will
        return await agreement.end()
      }
    } catch (error) {
      stop.throwIfAborted()
      tell(channels.error, () => ({ operation: 'reshard', error }))
    }
    await sleep(POLL, undefined, { signal: stop, ref: false })
  }
}

const MEASURED_BEFORE = 1_000
/** How much faster or slower than another a clock may run. */
const DRIFT = 1e-3
const POLL = 500
