import { createIncrementalCacheHandler } from '@cache/nextjs'
import { options } from './redis.mjs'

export default createIncrementalCacheHandler({ ...options, leaseTtl: '20s' })
