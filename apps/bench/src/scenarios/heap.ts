import { spawnProcesses, startRedis } from '@cache/testkit'
import type { Row, Scenario } from './scenario.js'

/** The options and the result of `heap-reader.ts`. */
export interface HeapOptions {
  readonly url: string
  readonly kind: 'near entry' | 'lru-cache entry' | 'read in flight' | 'ioredis get in flight'
  readonly count: number
}
export interface HeapUse {
  readonly type: 'heap'
  /** The bytes of the heap for each of them. */
  readonly bytes: number
}

const measured: readonly { readonly name: string; readonly kind: HeapOptions['kind'] }[] = [
  { name: '@cache/pubsub-invalidation, near entry', kind: 'near entry' },
  { name: 'lru-cache, entry', kind: 'lru-cache entry' },
  { name: '@cache/aside on ioredis, read in flight', kind: 'read in flight' },
  { name: 'ioredis, get in flight', kind: 'ioredis get in flight' },
]

export const heap: Scenario = {
  name: 'heap',
  about:
    'The heap that each further value of 78 bytes of JSON takes in a near cache that has 40 000, ' +
    'with the value, against lru-cache; and of a read that waits for Redis, against a bare GET.',
  async run(scale) {
    const rows: Row[] = []
    for (const { name, kind } of measured) {
      await using server = await startRedis()
      const data: HeapOptions = { url: server.url, kind, count: scale === 'full' ? 40_000 : 2_000 }
      await using readers = spawnProcesses(new URL('heap-reader.ts', import.meta.url), {
        data,
        execArgv: ['--expose-gc'],
      })
      const reader = readers.processes[0]!
      if (kind.endsWith('flight')) {
        await reader.next('ready')
        await server.pause()
        reader.send('silent')
      }
      const { bytes } = await reader.next<HeapUse>('heap')
      if (kind.endsWith('flight')) await server.resume()
      rows.push({ name, 'bytes each': Math.round(bytes) })
    }
    return { shown: 'bytes each', better: 'less', rows }
  },
}
