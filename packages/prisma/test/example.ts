import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createPrismaCache } from '@cache/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Prisma, PrismaClient } from './generated/client.js'

const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379')
const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop' })
const cache = createPrismaCache({ client, Prisma, ttl: '10m' })

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL })
const prisma = new PrismaClient({ adapter }).$extends(cache.extension)

const user = () =>
  prisma.$withCache().user.findUnique({ where: { id: 1 }, select: { name: true, posts: true } })

console.log(await user()) // { name: 'Ada', posts: [{ id: 1, title: 'engines', authorId: 1 }] }
console.log(await user()) // the same, from Redis

await prisma.$transaction(async (tx) => {
  await tx.post.update({
    where: { id: 1 },
    data: { title: 'notes', author: { update: { name: 'Lovelace' } } },
  })
})
console.log(await user()) // 'Lovelace' and 'notes', in every process
console.log(cache.stats().hits) // 1

await client.close()
redis.disconnect()
await prisma.$disconnect()
