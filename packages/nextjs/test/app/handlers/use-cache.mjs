import { createUseCacheHandler } from '@cache/nextjs'
import { options } from './redis.mjs'

export default createUseCacheHandler(options)
