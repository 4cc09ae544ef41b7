import { InvalidKeyError, InvalidOptionError } from '../errors.js'
import { escapedText } from './escaped-text.js'

/** A part of a key. `1`, `1n` and `'1'` are the same part. */
export type KeyPart = string | number | bigint

export type MakeKey = (...parts: readonly KeyPart[]) => string

/**
 * The maximum length of a key. Redis allows longer keys, but compares and sends the whole key each
 * time.
 */
export const MAX_KEY_BYTES = 8 * 1024

/**
 * The names of the companions of an entry (see `companion`). Every kind of companion must be listed
 * here, so that no id of an entry can be taken for it.
 */
export const companionNames = ['lease', 'intents', 'holders', 'parts'] as const

export type CompanionName = (typeof companionNames)[number]

/**
 * Returns a function that makes the keys of a namespace and a prefix.
 *
 * The namespace and the prefix come from the developer and are used as they are. The parts may come
 * from users: `:`, `%`, `{` and `}` in them are percent-escaped. So different parts never make the
 * same key, and no part can leave the namespace or choose a Cluster slot. Numbers are written as
 * JavaScript writes them. Integers beyond 2^53 are refused, since they may already have been
 * rounded.
 *
 * @throws {InvalidOptionError} for a namespace or prefix that `checkPrefix` refuses, or if they
 * have the form `a:{a:b}`.
 * @throws {InvalidKeyError} by the returned function: for no parts, an empty part, control
 * characters or lone surrogates in a part, and for a key over 8 KiB.
 * @example
 * const productKey = createKeys('shop', 'product')
 * productKey(42) // 'shop:product:42'
 */
export function createKeys(namespace?: string, prefix?: string): MakeKey {
  const start = keyStart('prefix', prefix, keyStart('namespace', namespace, ''))
  const tagged = hashTag(start) !== undefined
  return (...parts) => {
    if (parts.length === 0) throw new InvalidKeyError('A key needs at least one part.')
    let key = start + escapedPart(parts[0], tagged)
    for (let i = 1; i < parts.length; i++) key += `:${escapedPart(parts[i], tagged)}`
    return checkLength(key)
  }
}

/**
 * Checks a namespace or prefix, and returns it. It must not be empty or contain control characters,
 * and braces are only allowed as one Cluster hash tag, `{…}`. It may contain colons. `namespace`
 * is the part before a prefix: together they must not have the form `a:{a:b}`.
 *
 * @throws {InvalidOptionError} if it is invalid. The error names `option`.
 * @example checkPrefix('prefix', 'product', 'shop') // 'product'
 */
export function checkPrefix(option: string, value: unknown, namespace = ''): string {
  const isValid =
    typeof value === 'string' &&
    /^[^{}]*(\{[^{}]+\})?[^{}]*$/.test(value) &&
    value !== '' &&
    !UNPRINTABLE_CHARACTERS.test(value)
  if (!isValid)
    throw new InvalidOptionError(
      option,
      'a non-empty string without control characters, its braces (if any) one hash tag: {tag}',
      value,
    )
  if (isBeside(`${namespace === '' ? '' : `${namespace}:`}${value}:`)) {
    const expected =
      'another one: its keys would be taken for companions of the key in the hash tag'
    throw new InvalidOptionError(option, expected, value)
  }
  return value
}

/**
 * Checks a complete key that was not made by `createKeys`, and returns it unchanged. In addition to
 * what no key may contain, it refuses keys that could not have companions: keys with a `}` but no
 * hash tag, and keys that are named like a companion of another key.
 *
 * @throws {InvalidKeyError} if the key is refused.
 * @example rawKey('user:42:profile') // 'user:42:profile'
 */
export function rawKey(key: string): string {
  if (typeof key !== 'string' || key === '')
    throw new InvalidKeyError(`A key must be a non-empty string, but is ${quoted(key)}.`)
  checkLength(key)
  if (isPlain(key)) return key
  if (UNPRINTABLE_CHARACTERS.test(key)) throw unprintableError('The key', key)
  const tag = hashTag(key)
  if (tag === undefined) {
    if (key.includes('}'))
      throw new InvalidKeyError(
        `The key ${quoted(key)} has a "}" but no hash tag: ` +
          'its lease could not be in its Cluster slot.',
      )
    return key
  }
  if (key.endsWith('}') && key === beside(tag))
    throw new InvalidKeyError(
      `The key ${quoted(key)} would have the lease of ${quoted(tag)}: ` +
        'give its hash tag another name, or none.',
    )
  if (isBeside(key))
    throw new InvalidKeyError(`The key ${quoted(key)} is named like a companion of another key.`)
  return key
}

/**
 * Returns the start of the names of all keys that belong to one key. They are in the same Cluster
 * slot.
 *
 * The start is the key up to its last part, followed by the whole key as a hash tag. So these keys
 * begin with the same namespace and prefix, and an ACL that allows `shop:*` allows them. For a key
 * with a hash tag, the start is the key itself.
 *
 * @example beside('shop:product:42') // 'shop:product:{shop:product:42}'
 */
export function beside(key: string): string {
  return hashTag(key) === undefined ? `${stem(key)}{${key}}` : key
}

/**
 * Returns the part of `beside(key)` before the hash tag. It contains no brace, since Redis would
 * take that for the start of the hash tag.
 */
export function stem(key: string): string {
  const open = key.indexOf('{')
  return key.slice(0, key.lastIndexOf(':', open < 0 ? key.length : open) + 1)
}

/**
 * Returns whether a key belongs to another key: as a companion, or as another key beside a key of
 * at least two parts (the queue of a lock, the counter of a limiter). Scans leave these keys out.
 *
 * @example isBeside('shop:lock:{shop:lock:x}:fence') // true
 */
export function isBeside(key: string): boolean {
  const tag = hashTag(key)
  return (
    tag !== undefined &&
    ((tag.includes(':') && isBesideTag(key, tag)) || companionOf(key) !== undefined)
  )
}

/** Whether a key begins with `beside(tag)` and a colon, where `tag` is its hash tag. */
function isBesideTag(key: string, tag: string): boolean {
  const open = key.indexOf('{')
  return key[open + tag.length + 2] === ':' && key.slice(0, open) === stem(tag)
}

/**
 * Returns the key of a companion of an entry, such as its lease or its intents. It is in the
 * Cluster slot of the entry, and never the key of another entry.
 *
 * @example companion('shop:product:42', 'lease') // 'shop:product:{shop:product:42}:lease'
 */
export function companion(key: string, name: CompanionName): string {
  return `${beside(key)}:${name}`
}

/**
 * Returns the key of the epoch of a cache. It is never the key of an entry: a `%` in a part of a
 * key is escaped.
 *
 * @example epochKey('shop', 'product') // 'shop:product:%epoch'
 */
export function epochKey(namespace: string, prefix: string): string {
  return `${namespace === '' ? '' : `${namespace}:`}${prefix}:%epoch`
}

/**
 * Returns the key that a companion made by `companion` belongs to, or `undefined` for any other
 * key.
 *
 * @example companionOf('shop:product:{shop:product:42}:lease') // 'shop:product:42'
 */
export function companionOf(key: string): string | undefined {
  const end = key.lastIndexOf(':')
  if (end < 0 || !isCompanionName(key.slice(end + 1))) return undefined
  const tag = hashTag(key)
  if (tag === undefined) return undefined
  const start = key.slice(0, end)
  return start === beside(tag) ? tag : start
}

/**
 * Returns the hash tag of a key, which alone determines the Cluster slot: the text between the
 * first `{` and the first `}` after it, unless it is empty.
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
 * Returns the Cluster slot, 0 to 16383, of a key that `createKeys` made or `rawKey` accepted.
 *
 * @example slot('{user:42}:profile') === slot('user:42') // true
 */
export function slot(key: string): number {
  // A key is routed several times on its way to its node.
  let known = recentSlots.get(key)
  if (known === undefined) {
    known = crc16(hashTag(key) ?? key) % SLOTS
    if (recentSlots.size >= MAX_RECENT_SLOTS) recentSlots.clear()
    if (key.length <= MAX_RECENT_KEY) recentSlots.set(key, known)
  }
  return known
}

const SLOTS = 16_384

/** The slots of recent keys. */
const recentSlots = new Map<string, number>()
const MAX_RECENT_SLOTS = 1_024
const MAX_RECENT_KEY = 256

/**
 * Returns the start of all keys: `before` (the namespace and a colon, or nothing) and the prefix.
 */
function keyStart(option: string, prefix: string | undefined, before: string): string {
  return prefix === undefined || prefix === ''
    ? before
    : `${before}${checkPrefix(option, prefix, before.slice(0, -1))}:`
}

function escapedPart(part: KeyPart | undefined, tagged: boolean): string {
  if (typeof part === 'string')
    return isPlain(part)
      ? tagged && isCompanionName(part)
        ? percent(part[0]!) + part.slice(1)
        : part
      : escapedPartText(part)
  if (typeof part === 'number' && Math.abs(part) <= Number.MAX_SAFE_INTEGER) return String(part)
  if (typeof part === 'bigint') return String(part)
  if (typeof part === 'number' && Number.isFinite(part))
    throw new InvalidKeyError(
      `A number in a key must be within ±(2^53 - 1), but one is ${part}: ` +
        'give it as a bigint or a string.',
    )
  throw new InvalidKeyError(
    'A part of a key must be a non-empty string, a finite number or a bigint, ' +
      `but one is ${quoted(part)}.`,
  )
}

function escapedPartText(part: string): string {
  if (part === '') throw new InvalidKeyError('A part of a key must not be empty.')
  if (part.length > MAX_KEY_BYTES) throw tooLongError(part)
  const escaped = escapedText(part)
  if (escaped === undefined) throw unprintableError('A part of a key', part)
  return escaped
}

/**
 * Returns whether a text is printable ASCII, not empty, and needs no escape, as nearly every part
 * of every key. A loop is twice as fast as a regular expression.
 */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7a || code === 0x3a || code === 0x25) return false
  }
  return text !== ''
}

/**
 * Returns the CRC-16/XMODEM of the UTF-8 bytes of a text.
 *
 * Source: appendix A of the specification of Redis Cluster,
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#appendix
 */
function crc16(text: string): number {
  let crc = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return Buffer.from(text).reduce(crc16Step, 0)
    crc = crc16Step(crc, code)
  }
  return crc
}

/** Adds a byte. Shifts replace the usual table, since the polynomial, 0x1021, has three terms. */
function crc16Step(crc: number, byte: number): number {
  const high = (crc >> 8) ^ byte
  const both = high ^ (high >> 4)
  return ((crc << 8) ^ (both << 12) ^ (both << 5) ^ both) & 0xffff
}

function isCompanionName(part: string): part is CompanionName {
  return (companionNames as readonly string[]).includes(part)
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function checkLength(key: string): string {
  // A UTF-16 code unit takes at most three bytes in UTF-8.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw tooLongError(key)
  return key
}

const UNPRINTABLE_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u

function unprintableError(subject: string, text: string): InvalidKeyError {
  return new InvalidKeyError(
    `${subject} must be without control characters and lone surrogates, but is ${quoted(text)}.`,
  )
}

function tooLongError(key: string): InvalidKeyError {
  return new InvalidKeyError(
    `A key must be at most ${MAX_KEY_BYTES} bytes long, ` +
      `but one has ${Buffer.byteLength(key)}: ${quoted(key)}.`,
  )
}

function quoted(part: unknown): string {
  if (typeof part !== 'string')
    return typeof part === 'number' ? String(part) : part === null ? 'null' : typeof part
  const text = JSON.stringify(part.slice(0, 60)).replaceAll('\u007f', '\\u007f')
  return part.length > 60 ? `${text}…` : text
}
