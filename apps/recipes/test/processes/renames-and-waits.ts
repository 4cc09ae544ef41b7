import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { poolWithCommitHooks, recipes, type Recipe } from '../recipes.js'

// This process renames a product. Once the database has committed, it waits to be killed.

export interface RenameOptions {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly recipe: Recipe
  readonly id: number
  readonly name: string
}

const child = childProcess<RenameOptions>()
const { redisUrl, databaseUrl, recipe, id, name } = child.data
const client = createCacheClient(ioredisDriver(new Redis(redisUrl)))
const { pool } = poolWithCommitHooks(databaseUrl, {
  async after() {
    await child.say('committed')
    await new Promise(() => undefined)
  },
})
await recipes[recipe](client, pool).rename(id, name)
