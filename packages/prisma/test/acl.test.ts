import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { itIsAllowed, onEachAclStage } from '../../service/test/acl-stage.js'
import { createPrismaCache } from '../src/index.js'
import { startDatabase, type Database } from './database.js'
import { Prisma, PrismaClient } from './generated/client.js'

let database: Database
beforeAll(async () => void (database = await startDatabase('prisma_acl')))
beforeEach(() => database.reset())
afterAll(() => database.stop())

onEachAclStage((stage) =>
  itIsAllowed(stage, {
    prisma: async (client) => {
      const cache = createPrismaCache({ client, Prisma, ttl: '1h' })
      const plain = new PrismaClient({ adapter: database.adapter() })
      const prisma = plain.$extends(cache.extension)
      const name = async () =>
        (await prisma.$withCache({ tags: ['names'] }).user.findUnique({ where: { id: 1 } }))?.name
      const change = (to: string, on: Pick<typeof prisma, 'user'> = prisma) =>
        on.user.update({ where: { id: 1 }, data: { name: to } })
      try {
        expect(await name()).toBe('Ada')
        await change('Augusta')
        expect(await name()).toBe('Augusta')
        expect(await name()).toBe('Augusta')
        await prisma.$transaction(async (tx) => {
          await change('Byron', tx)
          await tx.$invalidate({ models: 'Post', tags: 'names' })
        })
        expect(await name()).toBe('Byron')
        await prisma.$transaction([change('King'), change('Lovelace')])
        expect(await name()).toBe('Lovelace')
        await cache.mutate('User', () =>
          database.run(`update prisma_acl.users set "managerId" = 3`),
        )
        await (await cache.beginMutation('User')).abort()
        await cache.invalidate({ models: 'User', tags: 'names' })
        expect(await name()).toBe('Lovelace')
        expect(cache.stats().hits).toBeGreaterThan(0)
      } finally {
        await plain.$disconnect()
      }
    },
  }),
)
