import { InvalidOptionError } from '@cache/core'

/**
 * Returns the time to live that `$withCache({ config })` asks for, in ms; `undefined`: that of the
 * cache.
 *
 * @throws {InvalidOptionError} for a setting that this cache does not have.
 */
export function ttlOf(config: object | undefined): number | undefined {
  let ttl: number | undefined
  for (const [name, value] of Object.entries(config ?? {}) as [string, unknown][]) {
    if (value === undefined) continue
    const unit = UNITS.get(name)
    if (unit === undefined)
      throw new InvalidOptionError(
        `config.${name}`,
        'left out: this cache knows "ex" (seconds) and "px" (milliseconds)',
        value,
      )
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw new InvalidOptionError(`config.${name}`, 'a whole number of at least 1', value)
    ttl = unit * (value as number)
  }
  return ttl
}

/** The milliseconds in one unit of a setting. */
const UNITS = new Map([
  ['ex', 1_000],
  ['px', 1],
])
