import { choiceOption, readCacheOptions, type OptionTable } from '@cache/core/internal'
import type { Driver } from 'unstorage'
import { storeOptions, StoredValues, type OnOutage, type StoreOptions } from './stored-values.js'

export type { OnOutage, StoreOptions } from './stored-values.js'

/** Options of `createUnstorageDriver`. */
export interface UnstorageDriverOptions extends StoreOptions {
  /**
   * What reads do while Redis does not answer. `'reject'`: they reject. `'bypass'`: they find
   * nothing. Writes, `getKeys` and `clear` always reject. Default `'reject'`.
   */
  readonly onOutage?: OnOutage
}

/** The rows of `UnstorageDriverOptions`. */
const unstorageOptions = {
  ...storeOptions,
  onOutage: choiceOption(['bypass', 'reject'], 'reject'),
} satisfies OptionTable<UnstorageDriverOptions>

/**
 * Creates a driver for unstorage: `createStorage({ driver })`. The option `ttl` of its calls is in
 * seconds, as with the other drivers.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const storage = createStorage({ driver: createUnstorageDriver({ client, prefix: 'storage' }) })
 * await storage.setItem('user:42', { name: 'Ada' }, { ttl: 3600 })
 */
export function createUnstorageDriver(options: UnstorageDriverOptions): Driver {
  const values = new StoredValues(
    'items of unstorage',
    readCacheOptions('createUnstorageDriver', unstorageOptions, options),
  )
  // A storage without mounts passes no base.
  const partsOf = (key = ''): string[] => key.split(':').filter((part) => part !== '')
  const keyOf = (key: string): string => values.keyOf(...partsOf(key))
  const read = (key: string): Promise<unknown> => values.read([keyOf(key)]).then(([value]) => value)
  const write = (key: string, value: unknown, seconds: unknown): Promise<void> =>
    values.store(keyOf(key), value, msOf(seconds))

  return {
    name: 'cache',
    hasItem: async (key) => (await read(key)) !== undefined,
    getItem: async (key) => ((await read(key)) ?? null) as string | null,
    getItems: async (items) => {
      const found = await values.read(items.map(({ key }) => keyOf(key)))
      return items.map(({ key }, i) => ({ key, value: (found[i] ?? null) as string | null }))
    },
    getItemRaw: async (key) => (await read(key)) ?? null,
    setItem: (key, value, call) => write(key, value, call?.ttl),
    setItemRaw: (key, value, call) =>
      write(key, value instanceof Uint8Array ? Buffer.from(value) : value, call?.ttl),
    setItems: async (items, common) => {
      await Promise.all(
        items.map(({ key, value, options }) => write(key, value, options?.ttl ?? common?.ttl)),
      )
    },
    removeItem: async (key) => {
      await values.delete(keyOf(key))
    },
    getKeys: async (base) => {
      const parts = partsOf(base)
      const found: string[] = []
      for await (const batch of values.keys(...parts))
        found.push(...batch.map(({ name }) => [...parts, name].join(':')))
      return found
    },
    clear: (base) => values.clear(...partsOf(base)),
    dispose: () => values.idle(),
  }
}

/** A ttl of 0 is none, as with other drivers. */
function msOf(seconds: unknown): number | undefined {
  return typeof seconds === 'number' && seconds !== 0 ? seconds * 1_000 : undefined
}
