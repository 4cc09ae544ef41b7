import { findOrInstallRedis } from '../install/find-or-install-redis.js'

const source = await findOrInstallRedis()
console.log(
  source.kind === 'url'
    ? 'REDIS_URL'
    : source.kind === 'binary'
      ? source.path
      : `Docker, ${source.image}`,
)
