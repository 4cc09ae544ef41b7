import { createIncrementalCacheHandler } from '@cache/nextjs'
import { client } from './redis.mjs'

export default createIncrementalCacheHandler({ client, leaseTtl: '30s' })
