import { setTimeout as sleep } from 'node:timers/promises'
import { withTimeLimit } from '@cache/core/internal'
import type { AgreedChange, ReshardRegister } from './reshard-register.js'
import { HOLD_BEFORE_SWITCH, type ShardChange, type SwitchTime } from './shard-change.js'

/**
 * Resolves when the switch time has passed. Until then the switch time is measured repeatedly, most
 * exactly shortly before it, because clocks drift and are set.
 */
export async function awaitSwitch(
  change: ShardChange,
  register: ReshardRegister,
  agreed: AgreedChange,
  stop: AbortSignal,
): Promise<void> {
  const estimate = new SwitchTimeEstimate(register, agreed)
  for (;;) {
    const left = estimate.current().earliest - performance.now() - LAST_MEASUREMENT
    if (left <= 0) break
    await sleep(Math.min(left, MEASUREMENT_INTERVAL), undefined, { signal: stop })
    await within(LAST_MEASUREMENT / 4, estimate.measure())
    change.switchAt(estimate.current())
  }
  if (change.usesOldShards()) {
    await within(LAST_MEASUREMENT / 2, estimate.measureSeveralTimes())
    change.switchAt(estimate.current())
  }
  const untilCertain = change.switchTime!.earliest - performance.now() - CERTAIN_BEFORE_SWITCH
  await sleep(Math.max(0, untilCertain), undefined, { signal: stop })
  // Failures are ignored: both are tried again after the switch.
  for (const recorded of [register.persist(), register.forgetUndoneChanges(agreed)])
    recorded.catch(() => undefined)
  for (let left = 1; left > 0; left = change.switchTime!.latest - performance.now())
    await sleep(Math.max(1, Math.ceil(left)), undefined, { signal: stop })
}

/** What is known about the switch time. It becomes more exact with each measurement. */
class SwitchTimeEstimate {
  readonly #register: ReshardRegister
  readonly #agreed: AgreedChange
  #measured: { readonly switchTime: SwitchTime; readonly at: string; readonly since: number }

  constructor(register: ReshardRegister, agreed: AgreedChange) {
    this.#register = register
    this.#agreed = agreed
    this.#measured = measuredNow(agreed.switchTime, agreed.at)
  }

  /** The measured switch time, less exact by the drift of the clocks since then. */
  current(): SwitchTime {
    const { switchTime, since } = this.#measured
    const drift = (performance.now() - since) * MAX_DRIFT
    return { earliest: switchTime.earliest - drift, latest: switchTime.latest + drift }
  }

  /**
   * Reads the switch time from the register. A clock that was set since the last measurement does
   * not change the estimate: the register is corrected instead.
   */
  async measure(): Promise<void> {
    const read =
      (await this.#register.read()) ?? (await this.#register.restore(this.#agreed, this.current()))
    const expected = this.current()
    const both = {
      earliest: Math.max(read.switchTime.earliest, expected.earliest),
      latest: Math.min(read.switchTime.latest, expected.latest),
    }
    const wasCorrected = read.at !== this.#measured.at // by another process
    if (wasCorrected) this.#measured = measuredNow(read.switchTime, read.at)
    else if (both.earliest <= both.latest) this.#measured = measuredNow(both, read.at)
    else await this.#register.correct(read, expected)
  }

  /** Measures several times. The estimate keeps the most exact bounds of all measurements. */
  async measureSeveralTimes(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      if (performance.now() >= this.#measured.switchTime.earliest - 2 * HOLD_BEFORE_SWITCH) return
      await this.measure().catch(() => undefined)
    }
  }
}

function measuredNow(switchTime: SwitchTime, at: string) {
  return { switchTime, at, since: performance.now() }
}

/** Waits for work for at most `ms`. Failures are ignored. */
function within(ms: number, work: Promise<unknown>): Promise<unknown> {
  return withTimeLimit(ms, work, { ref: false }).catch(() => undefined)
}

/** Ms before the switch at which the last measurement begins. */
const LAST_MEASUREMENT = 1_000
const MEASUREMENT_INTERVAL = 500
/** Ms before the switch from which on the change is certain to happen. */
const CERTAIN_BEFORE_SWITCH = 200
/** How much faster or slower one clock may run than another. */
const MAX_DRIFT = 1e-3
