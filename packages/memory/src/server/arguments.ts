import { RedisError, notInteger, syntaxError } from './reply.js'

export function integer(text: string | undefined): number {
  if (text === undefined || !/^-?\d{1,19}$/.test(text)) throw notInteger()
  return Number(text)
}

/** A score of a sorted set: a number, or infinity. */
export function score(text: string | undefined): number {
  const trimmed = (text ?? '').toLowerCase()
  if (/^[+-]?inf(inity)?$/.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity
  const number = Number(trimmed)
  if (trimmed === '' || Number.isNaN(number)) throw new RedisError('ERR value is not a valid float')
  return number
}

/** As Redis writes a double: the shortest text that gives the same number again. */
export function formatScore(value: number): string {
  if (value === Infinity) return 'inf'
  if (value === -Infinity) return '-inf'
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return String(value)
  return String(value)
}

/** One end of a range of scores; `(` leaves the end out. */
export function scoreBound(text: string | undefined): (value: number, isLower: boolean) => boolean {
  const isOpen = text?.startsWith('(') ?? false
  let bound: number
  try {
    bound = score(isOpen ? text!.slice(1) : text)
  } catch {
    throw new RedisError('ERR min or max is not a float')
  }
  return (value, isLower) => {
    if (isOpen) return isLower ? value > bound : value < bound
    return isLower ? value >= bound : value <= bound
  }
}

/** Reads options that follow the fixed arguments of a command. */
export class OptionReader {
  readonly #args: readonly string[]
  #at: number

  constructor(args: readonly string[], from: number) {
    this.#args = args
    this.#at = from
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#args.length
  }

  get position(): number {
    return this.#at
  }

  /** The next word, in upper case; it counts as read only by `take`. */
  peek(): string {
    return (this.#args[this.#at] ?? '').toUpperCase()
  }

  take(): string {
    if (this.isAtEnd) throw syntaxError()
    return this.#args[this.#at++]!
  }

  /** Whether the next word is this one; then it is read. */
  takeIf(word: string): boolean {
    if (this.peek() !== word) return false
    this.#at++
    return true
  }
}

/** A range of positions, negative ones counted from the end, as a slice from 0. */
export function positions(length: number, from: number, to: number): [start: number, end: number] {
  const start = Math.max(from < 0 ? length + from : from, 0)
  const end = Math.min(to < 0 ? length + to : to, length - 1) + 1
  return [start, Math.max(start, end)]
}
