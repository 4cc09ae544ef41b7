export {
  createKeyvStore,
  type KeyvStore,
  type KeyvStoreEntry,
  type KeyvStoreOptions,
} from './keyv-store.js'
export type { OnOutage, StoreOptions } from './stored-values.js'
