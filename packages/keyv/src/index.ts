export type { KeyvStore, KeyvStoreEntry } from './keyv-contract.js'
export { createKeyvStore, type KeyvStoreOptions } from './keyv-store.js'
export type { OnOutage, StoreOptions } from './stored-values.js'
