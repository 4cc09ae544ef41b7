export { argumentKey } from './argument-key.js'
export { createAside, type Aside, type AsideOptions, type ValueOf } from './aside.js'
export { createReadThrough, type ReadThrough, type ReadThroughOptions } from './read-through.js'
export { wrap, type Wrapped, type WrapOptions } from './wrap.js'
export {
  beginMutations,
  CacheUnavailableError,
  CacheWriteError,
  LoadTimeoutError,
  type CacheStats,
  type CallOptions,
  type LoadContext,
  type LoadMany,
  type Many,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
