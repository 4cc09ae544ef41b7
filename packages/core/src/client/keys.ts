import slotOf from 'cluster-key-slot'
import { InvalidKeyError, InvalidOptionError } from '../errors.js'

/** A piece of a key. `1`, `1n` and `'1'` are the same piece. */
export type KeyPart = string | number | bigint

export type MakeKey = (...parts: readonly KeyPart[]) => string

/**
 * Longer keys are refused: Redis would take them, but compares and sends the whole key each time.
 */
export const MAX_KEY_BYTES = 8 * 1024

/**
 * What the keys beside an entry may be called, see `companion`. Whoever adds a kind of companion
 * adds its name here, so that no id can be mistaken for it.
 */
export const companionNames = ['lease', 'intents', 'holders', 'parts'] as const

export type CompanionName = (typeof companionNames)[number]

/**
 * Makes the keys under a namespace and a prefix, which are the developer's and taken raw. Parts may
 * come from users: `:`, `%`, `{` and `}` in them are percent-escaped, so that different parts never
 * make the same key, leave the namespace or choose a Cluster slot. Numbers are written as
 * JavaScript writes them; integers beyond 2^53, which may already stand for their neighbour, are
 * refused.
 *
 * @throws {InvalidOptionError} for a namespace or prefix that `checkPrefix` refuses, or that reads
 * `a:{a:b}`.
 * @throws {InvalidKeyError} from the function it returns: for no parts, for an empty part, for
 * control characters or lone surrogates in one, and for a key over 8 KiB.
 * @example
 * const productKey = createKeys('shop', 'product')
 * productKey(42) // 'shop:product:42'
 */
export function createKeys(namespace?: string, prefix?: string): MakeKey {
  const start = leading('prefix', prefix, leading('namespace', namespace, ''))
  const tagged = hashTag(start) !== undefined
  return (...parts) => {
    if (parts.length === 0) throw new InvalidKeyError('A key needs at least one part.')
    let key = start + safePart(parts[0], tagged)
    for (let i = 1; i < parts.length; i++) key += `:${safePart(parts[i], tagged)}`
    return short(key)
  }
}

/**
 * A namespace or prefix as it was given: not empty, no control characters, and braces only as one
 * Cluster hash tag, `{…}`. It may hold colons. `namespace` is what stands before a prefix: together
 * they must not read `a:{a:b}`.
 *
 * @throws {InvalidOptionError} naming `option`.
 * @example checkPrefix('prefix', 'product', 'shop') // 'product'
 */
export function checkPrefix(option: string, value: unknown, namespace = ''): string {
  const fits =
    typeof value === 'string' &&
    /^[^{}]*(\{[^{}]+\})?[^{}]*$/.test(value) &&
    value !== '' &&
    !UNPRINTABLE.test(value)
  if (!fits)
    throw new InvalidOptionError(
      option,
      'a non-empty string without control characters, its braces (if any) one hash tag: {tag}',
      value,
    )
  if (isBeside(`${namespace === '' ? '' : `${namespace}:`}${value}:`)) {
    const expected =
      'another one: keys under it would be taken for what stands beside those of the hash tag'
    throw new InvalidOptionError(option, expected, value)
  }
  return value
}

/**
 * A whole key that somebody else has made, as it is. Refused are, besides what no key may hold,
 * keys that could not live with their companions: with a `}` but no hash tag, or with the name of
 * what stands beside another key.
 *
 * @throws {InvalidKeyError}
 * @example rawKey('user:42:profile') // 'user:42:profile'
 */
export function rawKey(key: string): string {
  if (typeof key !== 'string' || key === '')
    throw new InvalidKeyError(`A key must be a non-empty string, but is ${shown(key)}.`)
  short(key)
  if (isPlain(key)) return key
  if (UNPRINTABLE.test(key)) throw unprintable('The key', key)
  const tag = hashTag(key)
  if (tag === undefined) {
    if (key.includes('}'))
      throw new InvalidKeyError(
        `The key ${shown(key)} has a "}" but no hash tag: its lease could not be kept in its Cluster slot.`,
      )
    return key
  }
  if (key === beside(tag))
    throw new InvalidKeyError(
      `The key ${shown(key)} would have the lease of ${shown(tag)}: give its hash tag another name, or none.`,
    )
  if (isBeside(key))
    throw new InvalidKeyError(
      `The key ${shown(key)} is the name of what stands beside another key.`,
    )
  return key
}

/**
 * The beginning of the names of all keys that belong to one key, in its Cluster slot: what is
 * before the key's last part, then the key as hash tag. So they begin with the same namespace and
 * prefix, and an ACL that allows `shop:*` allows them. A key that carries a hash tag is that
 * beginning itself.
 *
 * @example beside('shop:product:42') // 'shop:product:{shop:product:42}'
 */
export function beside(key: string): string {
  return hashTag(key) === undefined ? `${stem(key)}{${key}}` : key
}

/**
 * What `beside` has before the hash tag. A brace stays out of it: it would be taken for the tag's.
 */
export function stem(key: string): string {
  const open = key.indexOf('{')
  return key.slice(0, key.lastIndexOf(':', open < 0 ? key.length : open) + 1)
}

/**
 * Whether a key is a companion of another one, or something else that stands beside a key of at
 * least two parts: a lock's queue, a limiter's counter. Scans leave them out.
 *
 * @example isBeside('shop:lock:{shop:lock:x}:fence') // true
 */
export function isBeside(key: string): boolean {
  const tag = hashTag(key)
  return (
    tag !== undefined &&
    ((tag.includes(':') && key.startsWith(`${beside(tag)}:`)) || companionOf(key) !== undefined)
  )
}

/**
 * The key of what stands beside an entry, in the entry's Cluster slot. Never the key of another
 * entry.
 *
 * @example companion('shop:product:42', 'lease') // 'shop:product:{shop:product:42}:lease'
 */
export function companion(key: string, name: CompanionName): string {
  return `${beside(key)}:${name}`
}

/**
 * The key beside which one stands that `companion` made; `undefined` for any other key.
 *
 * @example companionOf('shop:product:{shop:product:42}:lease') // 'shop:product:42'
 */
export function companionOf(key: string): string | undefined {
  const end = key.lastIndexOf(':')
  const tag = hashTag(key)
  if (tag === undefined || end < 0 || !isCompanionName(key.slice(end + 1))) return undefined
  const start = key.slice(0, end)
  return start === beside(tag) ? tag : start
}

/**
 * The part of a key that alone decides on its slot: between the first `{` and the first `}` after
 * it, if anything is there.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 *
 * @example hashTag('{user:42}:profile') // 'user:42'
 */
export function hashTag(key: string): string | undefined {
  const open = key.indexOf('{')
  if (open < 0) return undefined
  const close = key.indexOf('}', open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : undefined
}

/**
 * The Cluster slot, 0 to 16383, of a key that `createKeys` made or `rawKey` accepted.
 *
 * @example slot('{user:42}:profile') === slot('user:42') // true
 */
export function slot(key: string): number {
  return slotOf(hashTag(key) ?? key)
}

/**
 * What keys begin with: `before`, which is the namespace and its colon or nothing, and a prefix.
 */
function leading(option: string, prefix: string | undefined, before: string): string {
  return prefix === undefined || prefix === ''
    ? before
    : `${before}${checkPrefix(option, prefix, before.slice(0, -1))}:`
}

function safePart(part: KeyPart | undefined, tagged: boolean): string {
  if (typeof part === 'string')
    return isPlain(part)
      ? tagged && isCompanionName(part)
        ? percent(part[0]!) + part.slice(1)
        : part
      : escaped(part)
  if (typeof part === 'number' && Math.abs(part) <= Number.MAX_SAFE_INTEGER) return String(part)
  if (typeof part === 'bigint') return String(part)
  if (typeof part === 'number' && Number.isFinite(part))
    throw new InvalidKeyError(
      `A number in a key must be within ±(2^53 - 1), but one is ${part}: give it as a bigint or a string.`,
    )
  throw new InvalidKeyError(
    `A part of a key must be a non-empty string, a finite number or a bigint, but one is ${shown(part)}.`,
  )
}

function escaped(part: string): string {
  if (part === '') throw new InvalidKeyError('A part of a key must not be empty.')
  if (part.length > MAX_KEY_BYTES) throw tooLong(part)
  if (UNPRINTABLE.test(part)) throw unprintable('A part of a key', part)
  return part.replace(/[:%{}]/g, percent)
}

/**
 * Not empty, and printable ASCII throughout that needs no escape: nearly every part of every key. A
 * loop is twice as fast as a regular expression.
 */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7a || code === 0x3a || code === 0x25) return false
  }
  return text !== ''
}

function isCompanionName(part: string): part is CompanionName {
  return (companionNames as readonly string[]).includes(part)
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function short(key: string): string {
  // No UTF-16 unit takes more than three bytes of UTF-8.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) throw tooLong(key)
  return key
}

const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u

function unprintable(what: string, text: string): InvalidKeyError {
  return new InvalidKeyError(
    `${what} must be without control characters and lone surrogates, but is ${shown(text)}.`,
  )
}

function tooLong(key: string): InvalidKeyError {
  return new InvalidKeyError(
    `A key must be at most ${MAX_KEY_BYTES} bytes long, but one has ${Buffer.byteLength(key)}: ${shown(key)}.`,
  )
}

function shown(part: unknown): string {
  if (typeof part !== 'string')
    return typeof part === 'number' ? String(part) : part === null ? 'null' : typeof part
  const text = JSON.stringify(part.slice(0, 60)).replaceAll('\u007f', '\\u007f')
  return part.length > 60 ? `${text}…` : text
}
