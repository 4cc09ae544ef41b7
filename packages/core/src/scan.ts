import { CacheError, InvalidOptionError } from './errors.js'
import type { Driver, Reply } from './drivers/driver.js'
import { createKeys, type KeyPart } from './keys.js'

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
  return { glob: pattern.raw.map((text, i) => (i < parts.length ? text + literally(escaped(parts[i]!)) : text)).join('') }
}

export interface ScanOptions {
  /** About how many keys Redis looks at in one step. Default 1 000. */
  readonly count?: number
  readonly signal?: AbortSignal
}

/** Every key that matches, from every node, in batches, each key once. Keys written meanwhile may or may not be among them. */
export async function* scanNodes(driver: Driver, match: string, { count = 1_000, signal }: ScanOptions = {}): AsyncGenerator<readonly string[]> {
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidOptionError('count', 'a whole number of at least 1', count)
  const seen = new Set<string>()
  for (const node of await driver.nodes()) {
    let cursor = '0'
    do {
      signal?.throwIfAborted()
      const [reply] = await node.send([{ args: ['SCAN', cursor, 'MATCH', match, 'COUNT', String(count)], keys: [] }])
      const [next, keys] = replyOf(reply!) as readonly [string, readonly string[]]
      cursor = next
      const fresh = keys.filter((key) => !seen.has(key))
      for (const key of fresh) seen.add(key)
      if (fresh.length > 0) yield fresh
    } while (cursor !== '0')
  }
}

const escaped = createKeys()

/** Text as a pattern that matches just it. */
export function literally(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&')
}

function replyOf(reply: Reply | CacheError): Reply {
  if (reply instanceof CacheError) throw reply
  return reply
}
