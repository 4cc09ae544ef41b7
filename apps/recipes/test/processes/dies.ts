import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { poolThatStops, recipes, type Recipe } from '../recipes.js'

// Renames a product, and waits to be killed once the database has committed.

export interface Start {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly recipe: Recipe
  readonly id: number
  readonly name: string
}

const child = childProcess<Start>()
const { redisUrl, databaseUrl, recipe, id, name } = child.data
const client = createCacheClient(ioredisDriver(new Redis(redisUrl)))
const { pool } = poolThatStops(databaseUrl, {
  async after() {
    await child.say('committed')
    await new Promise(() => undefined)
  },
})
await recipes[recipe](client, pool).rename(id, name)
