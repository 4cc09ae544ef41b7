import { CacheError, InvalidOptionError } from '../errors.js'
import type { Driver } from '../drivers/driver.js'
import type { Reply } from '../drivers/command.js'
import { createKeys, type KeyPart } from './keys.js'
import {
  choiceOption,
  numberOption,
  readOptions,
  signalOption,
  type OptionTable,
} from '../util/options.js'

/** A pattern for keys of a namespace. The tag `glob` makes one. */
export interface GlobPattern {
  readonly glob: string
}

/**
 * Returns a glob pattern. Values that you insert are data: they are escaped, and match only
 * themselves.
 *
 * Source: https://redis.io/docs/latest/commands/keys/
 *
 * @example client.scan(glob`user:${id}:*`)
 */
export function glob(pattern: TemplateStringsArray, ...parts: readonly KeyPart[]): GlobPattern {
  return {
    glob: pattern.raw
      .map((text, i) => (i < parts.length ? text + escapeGlob(escapedKey(parts[i]!)) : text))
      .join(''),
  }
}

export interface ScanOptions {
  /** The approximate number of keys that Redis looks at in one step. Default: 1 000. */
  readonly count?: number
  /**
   * Only return keys of this type. Source:
   * https://redis.io/docs/latest/commands/scan/#the-type-option
   */
  readonly type?: (typeof TYPES)[number]
  /** Stops the scan: the next step rejects with the reason of the signal. */
  readonly signal?: AbortSignal
}

/**
 * Returns all matching keys for which `leftOut` is false, from all nodes, in batches, each key
 * once. Keys that are written in the meantime may or may not be included.
 */
export async function* scanNodes(
  driver: Driver,
  match: string,
  options: ScanOptions = {},
  leftOut: (key: string) => boolean = () => false,
): AsyncGenerator<readonly string[]> {
  const { count, type, signal } = readOptions('scan', scanOptions, options)
  const typeArgs = type === undefined ? [] : ['TYPE', type]
  const seen = new Set<string>()
  for (const node of await driver.nodes()) {
    let cursor = '0'
    do {
      signal?.throwIfAborted()
      const reply = await node.send([
        { args: ['SCAN', cursor, 'MATCH', match, 'COUNT', String(count), ...typeArgs], keys: [] },
      ])[0]!
      const [next, keys] = replyOf(reply) as readonly [string, readonly string[]]
      cursor = next
      const newKeys = keys.filter((key) => !seen.has(key) && !leftOut(key))
      for (const key of newKeys) seen.add(key)
      if (newKeys.length > 0) yield newKeys
    } while (cursor !== '0')
  }
}

const TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'] as const

/** The rows of `ScanOptions`. */
export const scanOptions = {
  count: numberOption({ min: 1, integer: true }, 1_000),
  type: choiceOption(TYPES),
  signal: signalOption(),
} satisfies OptionTable<ScanOptions>

const escapedKey = /* @__PURE__ */ createKeys()

/**
 * Returns the literal text that every key matching a pattern begins with.
 *
 * @example literalStart(glob`user:${42}:*`) // 'user:42:'
 */
export function literalStart(pattern: GlobPattern): string {
  return /^(?:[^\\*?[\]]|\\.)*/su.exec(globOf(pattern))![0].replace(/\\(.)/gsu, '$1')
}

/**
 * Returns the pattern for the keys of a namespace, as Redis expects it.
 *
 * @throws {InvalidOptionError} for a pattern that the tag `glob` did not make.
 */
export function patternIn(namespace: string, pattern: GlobPattern): string {
  return escapeGlob(namespace === '' ? '' : `${namespace}:`) + globOf(pattern)
}

function globOf(pattern: GlobPattern): string {
  if (typeof pattern?.glob !== 'string')
    throw new InvalidOptionError('pattern', 'made with the tag glob: glob`user:${id}:*`', pattern)
  return pattern.glob
}

/** Escapes a text, so that the pattern matches exactly that text. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&')
}

function replyOf(reply: Reply | CacheError): Reply {
  if (reply instanceof CacheError) throw reply
  return reply
}
