import { createUseCacheHandler } from '@cache/nextjs'
import { client } from './redis.mjs'

export default createUseCacheHandler({ client })
