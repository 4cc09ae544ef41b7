import { CacheError, InvalidOptionError } from '../errors.js'
import type { Driver } from '../drivers/driver.js'
import type { Reply } from '../drivers/command.js'
import { createKeys, type KeyPart } from './keys.js'
import { checkOptions } from '../util/options.js'

/** A pattern for keys within a namespace, made with the tag `glob`. */
export interface GlobPattern {
  readonly glob: string
}

/**
 * A glob pattern in which what you insert is data: it is escaped, and matches itself only.
 *
 * Source: https://redis.io/docs/latest/commands/keys/
 *
 * @example client.scan(glob`user:${id}:*`)
 */
export function glob(pattern: TemplateStringsArray, ...parts: readonly KeyPart[]): GlobPattern {
  return {
    glob: pattern.raw
      .map((text, i) => (i < parts.length ? text + literally(escaped(parts[i]!)) : text))
      .join(''),
  }
}

export interface ScanOptions {
  /** About how many keys Redis looks at in one step. Default 1 000. */
  readonly count?: number
  /** Only keys of this type. Source: https://redis.io/docs/latest/commands/scan/#the-type-option */
  readonly type?: (typeof TYPES)[number]
  readonly signal?: AbortSignal
}

/**
 * Every key that matches and is not to be left out, from every node, in batches, each key once.
 * Keys written meanwhile may or may not be among them.
 */
export async function* scanNodes(
  driver: Driver,
  match: string,
  options: ScanOptions = {},
  leftOut: (key: string) => boolean = () => false,
): AsyncGenerator<readonly string[]> {
  const check = checkOptions('scan', options, ['count', 'type', 'signal'])
  const count = check.number('count', { min: 1, integer: true }, 1_000)
  const ofType = check.has('type') ? ['TYPE', check.oneOf('type', TYPES)] : []
  const signal = check.has('signal')
    ? check.shaped<AbortSignal>('signal', ['throwIfAborted'], 'an AbortSignal')
    : undefined
  const seen = new Set<string>()
  for (const node of await driver.nodes()) {
    let cursor = '0'
    do {
      signal?.throwIfAborted()
      const [reply] = await node.send([
        { args: ['SCAN', cursor, 'MATCH', match, 'COUNT', String(count), ...ofType], keys: [] },
      ])
      const [next, keys] = replyOf(reply!) as readonly [string, readonly string[]]
      cursor = next
      const fresh = keys.filter((key) => !seen.has(key) && !leftOut(key))
      for (const key of fresh) seen.add(key)
      if (fresh.length > 0) yield fresh
    } while (cursor !== '0')
  }
}

const TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'] as const

const escaped = createKeys()

/**
 * What every key that a pattern matches begins with. @example literalStart(glob`user:${42}:*`) //
 * 'user:42:'
 */
export function literalStart(pattern: GlobPattern): string {
  return /^(?:[^\\*?[\]]|\\.)*/su.exec(globOf(pattern))![0].replace(/\\(.)/gsu, '$1')
}

/**
 * A pattern for the keys of a namespace, as Redis takes it. @throws {InvalidOptionError} for what
 * the tag did not make.
 */
export function patternIn(namespace: string, pattern: GlobPattern): string {
  return literally(namespace === '' ? '' : `${namespace}:`) + globOf(pattern)
}

function globOf(pattern: GlobPattern): string {
  if (typeof pattern?.glob !== 'string')
    throw new InvalidOptionError('pattern', 'made with the tag glob: glob`user:${id}:*`', pattern)
  return pattern.glob
}

/** Text as a pattern that matches just it. */
export function literally(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&')
}

function replyOf(reply: Reply | CacheError): Reply {
  if (reply instanceof CacheError) throw reply
  return reply
}
