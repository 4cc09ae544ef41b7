import { findRedis } from '../find/find-redis.js'

const source = await findRedis()
console.log(
  source.kind === 'url'
    ? 'REDIS_URL'
    : source.kind === 'binary'
      ? source.path
      : `Docker, ${source.image}`,
)
