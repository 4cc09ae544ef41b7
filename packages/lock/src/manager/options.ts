import type { Duration } from '@cache/core'
import { checkOptions, type OptionChecks } from '@cache/core/internal'

/** Options for holding and waiting for a lock. */
export interface HoldOptions {
  /**
   * How long the lock outlives a holder that died. A held lock is renewed after a third of this
   * time. At least 10 ms. Default 10 s.
   */
  readonly ttl?: Duration
  /** How long to wait for the lock before `LockTimeoutError`. Default 10 s. */
  readonly wait?: Duration
  /**
   * Whether to renew the lock while it is held. With `false`, it ends with its ttl, unless you call
   * `extend`. Default true.
   */
  readonly renew?: boolean
  /**
   * The longest time that the lock can be held, however often it is renewed. It keeps work that
   * hangs from holding the lock for ever. Default 1 h.
   */
  readonly maxHold?: Duration
  /**
   * Whether waiters are served in the order in which they came. With `false`, this call may acquire
   * a free lock ahead of those that wait. Default true.
   */
  readonly fair?: boolean
  /** A name for the holder, which `inspect` shows. */
  readonly label?: string
}

/** Options of one call that acquires a lock. They take precedence over those of the factory. */
export interface AcquireOptions extends HoldOptions {
  /** Ends the wait when it aborts. The call rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** `HoldOptions` with all defaults applied. Durations are in ms. */
export interface ResolvedLockOptions {
  readonly ttl: number
  readonly wait: number
  readonly renew: boolean
  readonly maxHold: number
  readonly fair: boolean
  readonly label: string | undefined
}

export const lockOptionNames = ['ttl', 'wait', 'renew', 'maxHold', 'fair', 'label'] as const

/** @throws {InvalidOptionError} If an option is invalid. The error names the option. */
export function resolveLockOptions(
  check: OptionChecks,
  defaults: ResolvedLockOptions = DEFAULTS,
): ResolvedLockOptions {
  const ttl = check.duration('ttl', defaults.ttl)
  if (ttl < SHORTEST_TTL) check.fail('ttl', `a duration of at least ${SHORTEST_TTL} ms`)
  return {
    ttl,
    wait: check.duration('wait', defaults.wait),
    renew: check.oneOf('renew', [true, false], defaults.renew),
    maxHold: check.duration('maxHold', defaults.maxHold),
    fair: check.oneOf('fair', [true, false], defaults.fair),
    label: check.has('label') ? check.string('label') : defaults.label,
  }
}

/** Returns the resolved options of one call, and its signal. */
export function resolveCallOptions(
  options: AcquireOptions | undefined,
  defaults: ResolvedLockOptions,
): { readonly resolved: ResolvedLockOptions; readonly signal: AbortSignal | undefined } {
  if (options === undefined) return { resolved: defaults, signal: undefined }
  const check = checkOptions('options', options, [...lockOptionNames, 'signal'])
  const signal = check.has('signal')
    ? check.shaped<AbortSignal>('signal', ['addEventListener', 'throwIfAborted'], 'an AbortSignal')
    : undefined
  return { resolved: resolveLockOptions(check, defaults), signal }
}

const DEFAULTS: ResolvedLockOptions = {
  ttl: 10_000,
  wait: 10_000,
  renew: true,
  maxHold: 3_600_000,
  fair: true,
  label: undefined,
}
const SHORTEST_TTL = 10
