import { CacheError, CodecError, type Codec, type KeyPart } from '@cache/core'
import { createKeys } from '@cache/core/internal'

/**
 * Returns an id as it is written in a key. `1`, `1n` and `'1'` are the same id.
 *
 * @throws {InvalidKeyError}
 */
export const textOf: (id: KeyPart) => string = createKeys()

/**
 * Encodes an id as text that contains its type, so that a loader gets the id it knows: `7`, `"7"`,
 * and `["7"]` for a bigint.
 */
export function encodeId(id: KeyPart): string {
  textOf(id)
  return JSON.stringify(typeof id === 'bigint' ? [String(id)] : id)
}

/** Decodes an id. @throws for any text that `encodeId` did not make. */
export function decodeId(text: string): KeyPart {
  const parsed: unknown = JSON.parse(text)
  const id = Array.isArray(parsed) ? BigInt(parsed[0] as string) : parsed
  if (typeof id !== 'string' && typeof id !== 'number' && typeof id !== 'bigint')
    throw new CodecError('An id is a string, a number or a bigint.')
  textOf(id)
  return id
}

/**
 * Returns a codec for ids. If the codec of the items authenticates its payloads, ids are
 * authenticated in the same way.
 */
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
 * Returns items by their ids.
 *
 * @throws {CacheError} if two items have the same id. `source` names the group in the error.
 */
export function byId<Item>(
  items: readonly Item[],
  idOf: (item: Item) => KeyPart,
  source: string,
): Map<string, Item> {
  const itemsById = new Map<string, Item>()
  for (const item of items) {
    const id = textOf(idOf(item))
    if (itemsById.has(id))
      throw new CacheError(
        `The loader of ${source} answered with two items of the id "${id}". ` +
          'Nothing was cached. Let the loader return each item once.',
        { code: 'LOADER' },
      )
    itemsById.set(id, item)
  }
  return itemsById
}
