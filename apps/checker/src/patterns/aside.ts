import { createAside } from '@cache/aside'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite, INTENT_TTL } from './checked-read.js'
import type { World, Work } from './work.js'

const IDS = 12
/**
 * The first ids are changed and then invalidated: if the process dies between, nothing heals them.
 */
const ONLY_INVALIDATED = 4

interface Row {
  readonly version: number
}

/** Rows are read through the cache, and changed in every way that it offers. */
export function aside(world: World): Work {
  const { client, source, random } = world
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
    checkedRead(world, 'aside', rows, id, () => read(id), { healsItself: id >= ONLY_INVALIDATED })

  return {
    async step() {
      const id = random.between(0, IDS - 1)
      if (!random.chance(0.3)) return check(id, random.pick(reads))
      const write = id < ONLY_INVALIDATED ? invalidate : random.pick([mutate, commit])
      await checkedWrite(world, 'aside', rows, id, () => write(id))
    },
    async finish() {
      for (let id = 0; id < IDS; id++) await check(id, get)
    },
    close: async () => undefined,
  }
}
