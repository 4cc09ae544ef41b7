export {
  instrumentCache,
  type Instrumentation,
  type InstrumentCacheOptions,
} from './instrument-cache.js'
