export {
  createGuard,
  type Guard,
  type Guarded,
  type GuardOptions,
  type KeyOf,
} from '../http/guard.js'
export { afterResponse } from '../http/count-when.js'
export { releaseAfterResponse } from '../http/release-after-response.js'
export type { HttpRefusal } from '../http/response.js'
