import { createAside } from '@cache/aside'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite, INTENT_TTL } from './checked-read.js'
import type { WorkloadContext, Workload } from './workload.js'

const IDS = 12
/** The first ids are changed and then invalidated. If the process dies between, they stay stale. */
const INVALIDATED_IDS = 4

interface Row {
  readonly version: number
}

/** Reads rows through the cache, and changes them in every way that the package offers. */
export function aside(context: WorkloadContext): Workload {
  const { client, source, random } = context
  const rows = new Rows(source, 'aside')
  const cache = createAside<Row, number>({
    client,
    prefix: 'aside',
    ttl: '1h',
    intentTtl: INTENT_TTL,
  })
  const load = async (id: number): Promise<Row> => ({ version: await rows.read(id) })

  const get = async (id: number) => (await cache.getOrLoad(id, () => load(id))).version
  const reads = [
    get,
    async (id: number) => (await cache.peek(id))?.version,
    async (id: number) => {
      const ids = [id, (id + 1) % IDS, (id + 2) % IDS]
      const [first] = await cache.getOrLoadMany(ids, (missing) => Promise.all(missing.map(load)))
      return first!.version
    },
  ]
  const mutate = (id: number) => cache.mutate(id, () => rows.change(id))
  const commit = async (id: number) => {
    const change = await cache.beginMutation(id)
    const version = await rows.change(id)
    await change.commit()
    return version
  }
  const invalidate = async (id: number) => {
    const version = await rows.change(id)
    await cache.invalidate(id)
    return version
  }
  const check = (id: number, read: (id: number) => Promise<number | undefined>) =>
    checkedRead(context, 'aside', rows, id, () => read(id), { healsItself: id >= INVALIDATED_IDS })

  return {
    async step() {
      const id = random.between(0, IDS - 1)
      if (!random.chance(0.3)) return check(id, random.pick(reads))
      const write = id < INVALIDATED_IDS ? invalidate : random.pick([mutate, commit])
      await checkedWrite(context, 'aside', rows, id, () => write(id))
    },
    async finish() {
      for (let id = 0; id < IDS; id++) await check(id, get)
    },
    close: async () => undefined,
  }
}
