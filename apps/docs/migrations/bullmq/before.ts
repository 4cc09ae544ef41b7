import { Queue, Worker, type Job } from 'bullmq'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Profile, Profiles, Table } from './profiles.js'

export async function createProfiles(redisUrl: string, table: Table): Promise<Profiles> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null })
  const queue = new Queue<{ id: string; profile: Profile }>('profiles', {
    connection,
    defaultJobOptions: {
      attempts: 8,
      backoff: { type: 'exponential', delay: 100 },
      removeOnComplete: true,
    },
  })
  const worker = new Worker(
    'profiles',
    async ({ data: { id, profile } }: Job<{ id: string; profile: Profile }>) => {
      await table.upsert(id, profile)
    },
    { connection, concurrency: 10 },
  )
  await worker.waitUntilReady()

  return {
    async put(id, profile) {
      await connection.set(`profile:${id}`, JSON.stringify(profile), 'EX', 3_600)
      await queue.add('write', { id, profile })
    },
    async get(id) {
      const cached = await connection.get(`profile:${id}`)
      return cached === null ? table.find(id) : JSON.parse(cached)
    },
    async drained() {
      const waiting = async () =>
        queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')
      while ((await waiting()) > 0) await sleep(20)
    },
    async close() {
      await worker.close()
      await queue.close()
      connection.disconnect()
    },
  }
}
