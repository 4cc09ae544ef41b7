// What the tests of both guides for caches do with the programs before and after.
import type { RedisServer } from '@cache/testkit'
import type { Express } from 'express'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Database, MemoryDatabase } from './catalog.js'
import { serve } from './serve.js'

export interface Program {
  createService(
    redisUrl: string,
    database: Database,
  ): Promise<{ readonly app: Express; close(): Promise<unknown> }>
}

/** Returns how often four processes load a key that is not cached, with two readers in each. */
export async function loadsOfColdKey(
  { createService }: Program,
  redis: RedisServer,
  path: string,
  expected: number,
): Promise<number> {
  await redis.flush()
  const database = new MemoryDatabase()
  const services = await Promise.all(
    Array.from({ length: 4 }, () => createService(redis.url, database)),
  )
  const http = await Promise.all(services.map(({ app }) => serve(app)))
  const { release } = database.hold(4)
  const reads = http.flatMap(({ send }) => [send('GET', path), send('GET', path)])
  await expect.poll(() => database.queries).toBe(expected)
  await sleep(300) // time for further loads
  release()
  for (const { status } of await Promise.all(reads)) expect(status).toBe(200)
  for (const running of http) await running[Symbol.asyncDispose]()
  for (const { close } of services) await close()
  return database.queries
}

/**
 * Changes a row while Redis is down. Returns the status, 0 if there is no answer until Redis is
 * back, and what the database has before that.
 */
export async function changeInOutage({ createService }: Program, redis: RedisServer) {
  const database = new MemoryDatabase()
  const service = await createService(redis.url, database)
  await using http = await serve(service.app)
  await http.send('GET', '/products/1')
  await redis.kill()
  const changing = http.send('PUT', '/products/1', { name: 'armchair' })
  const { status } = await Promise.race([changing, sleep(1_500, { status: 0 })])
  const name = (await database.find('1'))!.name
  await redis.restart()
  await changing
  await service.close()
  return { status, name }
}
