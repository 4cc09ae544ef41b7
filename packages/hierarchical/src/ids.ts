import { CacheError, CodecError, type Codec, type KeyPart } from '@cache/core'
import { createKeys } from '@cache/core/internal'

/** An id as it stands in a key: `1`, `1n` and `'1'` are the same. @throws {InvalidKeyError} */
export const textOf: (id: KeyPart) => string = createKeys()

/**
 * An id as text that tells its type, so that a loader gets what it knows: `7`, `"7"`, and `["7"]`
 * for a bigint.
 */
export function encodeId(id: KeyPart): string {
  textOf(id)
  return JSON.stringify(typeof id === 'bigint' ? [String(id)] : id)
}

/** @throws for anything that `encodeId` did not make. */
export function decodeId(text: string): KeyPart {
  const parsed: unknown = JSON.parse(text)
  const id = Array.isArray(parsed) ? BigInt(parsed[0] as string) : parsed
  if (typeof id !== 'string' && typeof id !== 'number' && typeof id !== 'bigint')
    throw new CodecError('An id is a string, a number or a bigint.')
  textOf(id)
  return id
}

/** Ids as text; protected as `items` are, where these are authenticated. */
export function idCodec({
  seal,
  open,
}: Pick<Codec<unknown>, 'seal' | 'open'> = {}): Codec<KeyPart> {
  return {
    name: 'id',
    seal,
    open,
    encode: (id, context) => seal?.(Buffer.from(encodeId(id)), context) ?? encodeId(id),
    decode: (payload, context) => decodeId((open?.(payload, context) ?? payload).toString()),
  }
}

/**
 * Items by their ids. @throws {CacheError} where a loader answered with what is no list of items,
 * each in it once.
 */
export function byId<Item>(
  items: readonly Item[],
  idOf: (item: Item) => KeyPart,
  whose: string,
): Map<string, Item> {
  const found = new Map<string, Item>()
  for (const item of items) {
    const id = textOf(idOf(item))
    if (found.has(id))
      throw new CacheError(
        `The loader of ${whose} answered with two items of the id "${id}". Nothing was cached: an item is in its group once.`,
        { code: 'LOADER' },
      )
    found.set(id, item)
  }
  return found
}
