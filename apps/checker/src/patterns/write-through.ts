import { createWriteThrough } from '@cache/write-through'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite, INTENT_TTL } from './checked-read.js'
import type { WorkloadContext, Workload } from './workload.js'

const IDS = 6

interface Row {
  readonly id: number
  readonly version: number
}

/** Writes rows through the cache: as whole rows with and without a version, and merged. */
export function writeThrough(context: WorkloadContext): Workload {
  const { client, source, random } = context
  const caches = (['plain', 'versioned', 'merged'] as const).map((kind) => {
    const rows = new Rows(source, `through-${kind}`)
    const common = {
      client,
      prefix: `through-${kind}`,
      ttl: '1h',
      intentTtl: INTENT_TTL,
      load: async (id: number): Promise<Row> => ({ id, version: await rows.read(id) }),
    } as const
    if (kind === 'merged') {
      const cache = createWriteThrough({
        ...common,
        store: async (id: number, patch: { version: number }) => {
          patch.version = await rows.change(id)
        },
        merge: (current: Row, { version }) => ({ ...current, version }),
      })
      const update = async (id: number) => {
        const patch = { version: 0 }
        await cache.update(id, patch)
        return patch.version
      }
      return { rows, update, get: cache.get }
    }
    const cache = createWriteThrough({
      ...common,
      store: async (id: number, _patch: object): Promise<Row> => ({
        id,
        version: await rows.change(id),
      }),
      ...(kind === 'versioned' && { version: ({ version }: Row) => version }),
    })
    return {
      rows,
      update: async (id: number) => (await cache.update(id, {})).version,
      get: cache.get,
    }
  })
  const read = async ({ rows, get }: (typeof caches)[number], id: number) => {
    const version = async () => (await get(id)).version
    await checkedRead(context, 'write-through', rows, id, version, { healsItself: true })
  }

  return {
    async step() {
      const [cache, id] = [random.pick(caches), random.between(0, IDS - 1)]
      if (!random.chance(0.3)) return read(cache, id)
      await checkedWrite(context, 'write-through', cache.rows, id, () => cache.update(id))
    },
    async finish() {
      for (const cache of caches) for (let id = 0; id < IDS; id++) await read(cache, id)
    },
    close: async () => undefined,
  }
}
