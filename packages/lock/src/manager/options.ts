import type { Duration } from '@cache/core'
import { checkOptions, type OptionChecks } from '@cache/core/internal'

/** On what terms a lock is held and waited for. */
export interface HoldOptions {
  /**
   * How long a holder that died keeps the lock. It is renewed at a third of it. At least 10 ms.
   * Default 10 s.
   */
  readonly ttl?: Duration
  /** How long to wait for it before `LockTimeoutError`. Default 10 s. */
  readonly wait?: Duration
  /**
   * Renew it while it is held. `false`: it ends with its ttl, unless `extend` is called. Default
   * true.
   */
  readonly renew?: boolean
  /**
   * The longest it can be held, however often it is renewed: work that hangs must not hold it for
   * ever. Default 1 h.
   */
  readonly maxHold?: Duration
  /**
   * First come, first served. `false`: takes it past those who wait, if it happens to be free.
   * Default true.
   */
  readonly fair?: boolean
  /** What the holder calls itself, for `inspect`. */
  readonly label?: string
}

export interface AcquireOptions extends HoldOptions {
  /** Ends the wait, with its reason. */
  readonly signal?: AbortSignal
}

export interface Terms {
  readonly ttl: number
  readonly wait: number
  readonly renew: boolean
  readonly maxHold: number
  readonly fair: boolean
  readonly label: string | undefined
}

export const holdOptions = ['ttl', 'wait', 'renew', 'maxHold', 'fair', 'label'] as const

/** @throws {InvalidOptionError} naming the option. */
export function checkTerms(check: OptionChecks, usual: Terms = USUAL): Terms {
  const ttl = check.duration('ttl', usual.ttl)
  if (ttl < SHORTEST_TTL) check.fail('ttl', `a duration of at least ${SHORTEST_TTL} ms`)
  return {
    ttl,
    wait: check.duration('wait', usual.wait),
    renew: check.oneOf('renew', [true, false], usual.renew),
    maxHold: check.duration('maxHold', usual.maxHold),
    fair: check.oneOf('fair', [true, false], usual.fair),
    label: check.has('label') ? check.string('label') : usual.label,
  }
}

/** The terms of one call, and the signals that end its wait. */
export function termsOfCall(
  options: AcquireOptions | undefined,
  usual: Terms,
): { readonly terms: Terms; readonly signal: AbortSignal | undefined } {
  if (options === undefined) return { terms: usual, signal: undefined }
  const check = checkOptions('options', options, [...holdOptions, 'signal'])
  const signal = check.has('signal')
    ? check.shaped<AbortSignal>('signal', ['addEventListener', 'throwIfAborted'], 'an AbortSignal')
    : undefined
  return { terms: checkTerms(check, usual), signal }
}

const USUAL: Terms = {
  ttl: 10_000,
  wait: 10_000,
  renew: true,
  maxHold: 3_600_000,
  fair: true,
  label: undefined,
}
const SHORTEST_TTL = 10
