import { companion, rawKey } from '../client/keys.js'
import { Slices } from '../util/slices.js'

/** The keys of an entry in Redis: the entry itself, its lease and its intents. */
export type EntryKeys = readonly [entry: string, lease: string, intents: string]

/** @throws {InvalidKeyError} */
export function entryKeys(key: string): EntryKeys {
  rawKey(key)
  return [key, companion(key, 'lease'), companion(key, 'intents')]
}

/** Rejects with `InvalidKeyError` before anything is sent if one of the keys is invalid. */
export async function allEntryKeys(keys: readonly string[]): Promise<EntryKeys[]> {
  const slices = new Slices()
  const all: EntryKeys[] = []
  for (const key of keys) {
    if (slices.over) await slices.next()
    all.push(entryKeys(key))
  }
  return all
}
