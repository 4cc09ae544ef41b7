import { InvalidOptionError, parseDuration, type Duration } from '@cache/core'
import { customOption, numberOption, required, textOption, type Option } from '@cache/core/internal'

/** Up to here, Lua and JavaScript represent every integer exactly as a double. */
export const MAX_EXACT = Number.MAX_SAFE_INTEGER
/** The longest duration of a limit or a block, in milliseconds. */
export const TEN_YEARS = 3_653 * 86_400_000

/** The option `name`. The default names are parts of keys, so they never change. */
export function policyName(fallback: string): Option<string> {
  return customOption((value, path) => {
    const name = textOption(fallback).check(value, path)
    if (/^[\w.-]{1,64}$/.test(name)) return name
    throw new InvalidOptionError(path, '1 to 64 of the characters A-Z a-z 0-9 _ . -', value)
  })
}

/** A duration of at most ten years. */
export const lengthOption = customOption((value, path) => {
  const ms = parseDuration(value as Duration, path)
  if (ms <= TEN_YEARS) return ms
  throw new InvalidOptionError(path, 'ten years at most', value)
})

export const positiveInteger = numberOption({ min: 1, integer: true }, required)
