import {
  createWriteBehind,
  createWriteBehindWorker,
  type FlushContext,
  type PendingWrite,
} from '@cache/write-behind'
import { now } from '../clock.js'
import type { WorkloadContext, Workload } from './workload.js'

const COUNTERS = 6
const OWN_ROWS = 3
const FLUSH_FAILS = 0.05

interface Counter {
  readonly count: number
}

/**
 * Uses counters to which every process adds, and rows that only this process puts. The source
 * stores acknowledged writes in `added:<id>` and `put`, and flushed writes in `applied:<id>` and
 * `rows`. `verifiers/queue.ts` compares them at the end.
 */
export async function writeBehind(context: WorkloadContext): Promise<Workload> {
  const { client, source, random, reporter, process } = context
  const counters = createWriteBehind({
    client,
    prefix: 'counters',
    ttl: '1h',
    partitions: 3,
    load: async (id: string): Promise<Counter> => ({ count: await source.llen(`applied:${id}`) }),
    merge: (current, patch: { readonly token: string }): Counter => ({
      count: (current?.count ?? 0) + (patch.token === '' ? 0 : 1),
    }),
  })
  const rows = createWriteBehind({
    client,
    prefix: 'rows',
    ttl: '1h',
    partitions: 3,
    load: async (id: string) => Number((await source.hget('rows', id)) ?? 0),
  })
  const maybeFail = () => {
    if (random.chance(FLUSH_FAILS)) throw new Error('The database is down.')
  }
  let flushes = 0
  /** Reports that this process is the only one to flush the partition. */
  const asOwner = async (
    queue: string,
    { partition, fence, signal }: FlushContext,
    flush: () => Promise<void>,
  ) => {
    const from = now()
    const holder = `${process}/flush ${++flushes}`
    await flush()
    if (signal.aborted) return
    const held = { capacity: 1, holder, fence, from, to: now(), onlyWhenCalm: true }
    reporter.add({ type: 'holding', lock: `${queue} ${partition}`, ...held })
  }
  const flushCounters = async (writes: readonly PendingWrite<Counter, string>[]) => {
    maybeFail()
    for (const { id, patches, patchSequences } of writes) {
      const tokens = patches as { readonly token: string }[]
      await source.applyPatches(
        id,
        ...tokens.flatMap(({ token }, i) => [token, patchSequences[i]!]),
      )
    }
    maybeFail()
  }
  const flushRows = async (writes: readonly PendingWrite<number, string>[]) => {
    maybeFail()
    for (const { id, value, sequence } of writes) await source.applyPut(id, value!, sequence)
  }
  const retry = { attempts: 1_000, backoff: 20, max: 200 }
  const common = { client, partitions: 3, ownershipTtl: '2s', linger: 5, retry } as const
  const workers = [
    createWriteBehindWorker<Counter, string>({
      ...common,
      prefix: 'counters',
      flush: (writes, context) => asOwner('counters', context, () => flushCounters(writes)),
    }),
    createWriteBehindWorker<number, string>({
      ...common,
      prefix: 'rows',
      flush: (writes, context) => asOwner('rows', context, () => flushRows(writes)),
    }),
  ]
  const stop = new AbortController()
  const running = Promise.all(workers.map((worker) => worker.run({ signal: stop.signal })))
  let tokens = 0
  const attempted = new Map<string, number>()
  const writing = new Set<string>()

  /** Runs one write of an id at a time, because the order of concurrent writes is undefined. */
  const alone = async (id: string, write: () => Promise<void>) => {
    if (writing.has(id)) return
    writing.add(id)
    try {
      await write()
      reporter.count('write-behind: writes')
    } finally {
      writing.delete(id)
    }
  }
  const add = () => {
    const id = `counter-${random.between(0, COUNTERS - 1)}`
    return alone(id, async () => {
      const token = `${process}/${++tokens}`
      await source.rpush(`attempted:${id}`, token)
      await counters.update(id, { token })
      await source.rpush(`added:${id}`, token)
    })
  }
  const put = () => {
    const id = `${process}-${random.between(0, OWN_ROWS - 1)}`
    return alone(id, async () => {
      const value = (attempted.get(id) ?? 0) + 1
      attempted.set(id, value)
      await source.hset('attempted', id, value)
      await rows.put(id, value)
      await source.hset('put', id, value)
      if (random.chance(0.05)) await flushed(id, value)
    })
  }
  const flushed = async (id: string, value: number) => {
    const from = now()
    await rows.flushed(id, { signal: AbortSignal.timeout(5_000) })
    const stored = Number(await source.hget('rows', id))
    reporter.count('write-behind: flushed')
    if (stored >= value) return
    const description = `row ${id}: flushed resolved for ${value}, and the database had ${stored}`
    reporter.violation({ pattern: 'write-behind', description, from, to: now() })
  }
  const read = async () => {
    const ids = await source.hkeys('put')
    const id = ids.length > 0 ? random.pick(ids) : undefined
    if (id === undefined) return
    const from = now()
    const min = Number(await source.hget('put', id))
    const value = await rows.get(id)
    reporter.count('write-behind: reads')
    if (value >= min) return
    const description = `row ${id}: ${value} was read although ${min} had been acknowledged`
    reporter.violation({ pattern: 'write-behind', description, from, to: now() })
  }
  /** Pending and applied writes must contain all acknowledged writes, and no others. */
  const readCounter = async () => {
    const id = `counter-${random.between(0, COUNTERS - 1)}`
    const from = now()
    const min = await source.llen(`added:${id}`)
    const { count } = await counters.get(id)
    const max = await source.llen(`attempted:${id}`)
    reporter.count('write-behind: reads')
    if (count >= min && count <= max) return
    const description =
      `counter ${id}: ${count} was read, ` + `after ${min} and before ${max} were added`
    reporter.violation({ pattern: 'write-behind', description, from, to: now() })
  }

  return {
    step: () => random.pick([add, add, put, put, read, readCounter])(),
    async finish() {
      for (const queue of [counters, rows]) {
        for (const { letter } of await queue.deadLetters.list())
          await queue.deadLetters.replay(letter)
        while ((await queue.pending()).writes > 0)
          await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async close() {
      stop.abort()
      await running
      await Promise.all([counters.close(), rows.close()])
    },
  }
}
