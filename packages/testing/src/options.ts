/**
 * An option has a value that can't work. It is thrown before anything is started. The message does
 * not contain texts, which may be secrets in the wrong place.
 */
export class InvalidOptionError extends Error {
  override name = 'InvalidOptionError'
  readonly code = 'INVALID_OPTION'

  constructor(
    /** The name of the option: `port`, `config.maxmemory`. */
    readonly option: string,
    expected: string,
    ...received: [received?: unknown]
  ) {
    const receivedText = received.length === 0 ? '' : `, but is ${describe(received[0])}`
    super(`Option "${option}" must be ${expected}${receivedText}.`)
  }
}

/** Refuses unknown names: a misspelt option would be ignored silently otherwise. */
export function checkNames(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionError('options', 'an object', options)
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw new InvalidOptionError(name, `left out: the options are ${known.join(', ')}`)
}

export function checkWholeNumber(
  option: string,
  value: number | undefined,
  { min, max }: { readonly min: number; readonly max: number },
): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw new InvalidOptionError(option, `a whole number from ${min} to ${max}`, value)
}

export function checkOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return
  const texts = allowed.map((one) => JSON.stringify(one))
  throw new InvalidOptionError(option, texts.join(' or '), value)
}

/** A line break in a name or value would begin another line of redis.conf. */
export function checkConfig(config: unknown): void {
  if (config === undefined) return
  if (typeof config !== 'object' || config === null)
    throw new InvalidOptionError('config', 'an object', config)
  for (const [name, value] of Object.entries(config))
    if (typeof value !== 'string' || /[\r\n]/.test(name + value))
      throw new InvalidOptionError(`config.${name}`, 'a string without line breaks', value)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return `${value}`
  return `of type ${typeof value}`
}
