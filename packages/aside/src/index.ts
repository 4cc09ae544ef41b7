export { createAside, type Aside, type AsideOptions } from './aside.js'
export { createReadThrough, type ReadThrough, type ReadThroughOptions } from './read-through.js'
export { CacheUnavailableError, CacheWriteError, LoadTimeoutError, type CallOptions, type LoadContext, type LoadMany, type Many } from '@cache/core'
