export { createAside, type Aside, type AsideOptions, type CallOptions } from './aside.js'
export { createReadThrough, type ReadThrough, type ReadThroughOptions } from './read-through.js'
export type { LoadMany, Many } from './many.js'
export { CacheWriteError, LoadTimeoutError, type LoadContext } from '@cache/core'
