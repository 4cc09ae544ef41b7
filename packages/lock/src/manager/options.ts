import { InvalidOptionError, type Duration, type KeyPart } from '@cache/core'
import {
  choiceOption,
  customOption,
  durationOption,
  flagOption,
  readOptions,
  signalOption,
  textOption,
  type OptionTable,
} from '@cache/core/internal'

/** Options for holding and waiting for a lock. */
export interface HoldOptions {
  /**
   * How long the lock outlives a holder that died. A held lock is renewed after a third of this
   * time. At least 10 ms. Default 10 s.
   */
  readonly ttl?: Duration
  /**
   * How long to wait for the lock before `LockTimeoutError`. A shorter outage of Redis is waited
   * out. Default 10 s.
   */
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
   * a free lock ahead of those that wait. A lock that is released is handed over to a waiter, so it
   * is free only if its holder lost it. Default true.
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

/** The rows of `HoldOptions`. */
export const holdOptions = {
  ttl: durationOption('10s', { min: 10 }),
  wait: durationOption('10s'),
  renew: flagOption(true),
  maxHold: durationOption('1h'),
  fair: flagOption(true),
  label: textOption(),
} satisfies OptionTable<HoldOptions>

/** The option `name` of a semaphore or a read-write lock. Its key is checked where it is made. */
export const nameOption = customOption((value, path) => {
  if (value === undefined)
    throw new InvalidOptionError(path, 'a string, a number or a bigint', value)
  return value as KeyPart
})

/** The rows of `AcquireOptions`. An option that is missing is as in the factory. */
const acquireOptions = {
  ttl: durationOption(undefined, { min: 10 }),
  wait: durationOption(),
  renew: choiceOption([true, false]),
  maxHold: durationOption(),
  fair: choiceOption([true, false]),
  label: textOption(),
  signal: signalOption(),
} satisfies OptionTable<AcquireOptions>

/**
 * Returns the resolved options of one call, and its signal.
 *
 * @throws {InvalidOptionError} If an option is invalid. The error names the option.
 */
export function resolveCallOptions(
  options: AcquireOptions | undefined,
  defaults: ResolvedLockOptions,
): { readonly resolved: ResolvedLockOptions; readonly signal: AbortSignal | undefined } {
  if (options === undefined) return { resolved: defaults, signal: undefined }
  const {
    ttl = defaults.ttl,
    wait = defaults.wait,
    renew = defaults.renew,
    maxHold = defaults.maxHold,
    fair = defaults.fair,
    label = defaults.label,
    signal,
  } = readOptions('options', acquireOptions, options)
  return { resolved: { ttl, wait, renew, maxHold, fair, label }, signal }
}
