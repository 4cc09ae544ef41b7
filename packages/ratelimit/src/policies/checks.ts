import type { OptionChecks } from '@cache/core/internal'
import type { Limit } from './limit.js'

/** Up to here, Lua and JavaScript represent every integer exactly as a double. */
export const MAX_EXACT = Number.MAX_SAFE_INTEGER
export const POSITIVE_INTEGER = { min: 1, integer: true } as const
/** The longest duration of a limit or a block, in milliseconds. */
export const TEN_YEARS = 3_653 * 86_400_000

export function checkName(check: OptionChecks, policy: Limit['policy']): string {
  const name = check.string('name', DEFAULT_NAMES[policy])
  if (!/^[\w.-]{1,64}$/.test(name))
    check.fail('name', '1 to 64 of the characters A-Z a-z 0-9 _ . -')
  return name
}

export function checkLength(check: OptionChecks, option: string): number {
  const ms = check.duration(option)
  if (ms > TEN_YEARS) check.fail(option, 'ten years at most')
  return ms
}

/** The default names. They are parts of keys, so they never change. */
const DEFAULT_NAMES: Readonly<Record<Limit['policy'], string>> = {
  slidingWindow: 'sliding-window',
  slidingCounter: 'sliding-counter',
  fixedWindow: 'fixed-window',
  tokenBucket: 'token-bucket',
  gcra: 'gcra',
  concurrency: 'concurrency',
}
