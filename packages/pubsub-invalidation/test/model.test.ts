import { createAside, type Aside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { createToken } from '@cache/core/internal'
import { eventually, type Stage } from '@cache/testkit'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest'
import {
  createInvalidationBus,
  createTrackingBus,
  withNearCache,
  type InvalidationBus,
} from '../src/index.js'
import { cases, killSubscriptions } from './cases.js'

// Three processes run random operations on four rows. The model consists of the rows, and of the
// oldest version of each row that each process may still read. A process that changed a row knows
// it at once, and the others know it when they have received the message. No process reads a
// version that does not exist yet.

const NODES = 3
const IDS = 4
const RUNS = process.env.CHAOS ? 500 : 25

type Step =
  | {
      readonly type: 'read' | 'invalidate' | 'expire' | 'set' | 'mutate' | 'publish'
      readonly node: number
      readonly id: number
    }
  | { readonly type: 'read many'; readonly node: number }
  | { readonly type: 'sync'; readonly node: number }
  | { readonly type: 'lose connections'; readonly node: number }
  | { readonly type: 'clear'; readonly node: number }

const node = fc.nat(NODES - 1)
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant('read' as const), node, id: fc.nat(IDS - 1) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constantFrom(
          'invalidate' as const,
          'expire' as const,
          'set' as const,
          'mutate' as const,
          'publish' as const,
        ),
        node,
        id: fc.nat(IDS - 1),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.oneof(
        fc.record({ type: fc.constant('read many' as const), node }),
        fc.record({ type: fc.constant('sync' as const), node }),
        fc.record({ type: fc.constant('clear' as const), node }),
      ),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('lose connections' as const), node }) },
  ),
  { minLength: 5, maxLength: 40 },
)

describe.each(cases)('on $name', ({ start, topology }) => {
  let stage: Stage<CacheClient>
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(() => stage.flush())

  it.each(['published', 'tracked', ...(topology === 'standalone' ? ['replayed'] : [])])(
    'no process reads a version older than the last message it received; invalidations are %s',
    async (kind) => {
      const nodes: {
        readonly bus: InvalidationBus
        readonly clear: () => void
        readonly rows: Aside<number>
        readonly received: Set<string>
        readonly close: () => Promise<unknown>
      }[] = []
      for (let i = 0; i < NODES; i++) {
        const client = stage.driver()
        const bus =
          kind === 'tracked'
            ? createTrackingBus({ client })
            : createInvalidationBus({ client, onGap: kind === 'replayed' ? 'replay' : 'empty' })
        await bus.ready()
        const near = withNearCache(client, { bus })
        const received = new Set<string>()
        bus.on('invalidate', ({ groups }) => groups.forEach((group) => received.add(group)))
        nodes.push({
          bus,
          received,
          clear: near.near.clear,
          rows: createAside<number>({ client: near, prefix: 'row', ttl: '1h' }),
          close: async () => {
            await bus.close()
            await client.close()
          },
        })
      }
      const other = stage.driver()

      const run = async (sequence: readonly Step[]): Promise<void> => {
        const source: number[] = new Array<number>(IDS).fill(0)
        /** The oldest version that each process may read of each row. */
        const floors = nodes.map(() => source.slice())
        await stage.flush()
        for (const { clear } of nodes) clear()
        const check = (process: number, id: number, value: number): void => {
          if (value < floors[process]![id]! || value > source[id]!)
            throw new Error(
              `process ${process} read version ${value} of row ${id}, which is at ${source[id]}; ` +
                `it must be at least ${floors[process]![id]}`,
            )
          floors[process]![id] = Math.max(floors[process]![id]!, value)
        }
        const sync = async (): Promise<void> => {
          // A message may be missed while a connection is re-established. Then it is sent again.
          const mark = `mark:${createToken()}`
          await eventually(async () => {
            await nodes[0]!.bus.publish({ groups: [mark] })
            await eventually(
              () => nodes.every(({ bus, received }) => bus.live && received.has(mark)),
              {
                within: 200,
                every: 2,
              },
            )
            return true
          })
          for (const floor of floors) floor.splice(0, IDS, ...source)
        }
        for (const step of sequence) {
          const { rows, clear, bus } = nodes[step.node]!
          if (step.type === 'read')
            check(step.node, step.id, await rows.getOrLoad(step.id, () => source[step.id]!))
          else if (step.type === 'read many')
            (
              await rows.getOrLoadMany([...source.keys()], (ids) =>
                ids.map((id) => source[Number(id)]!),
              )
            ).forEach((value, id) => check(step.node, id, value!))
          else if (step.type === 'clear') clear()
          else if (step.type === 'lose connections') await killSubscriptions(other)
          else if (step.type === 'sync') await sync()
          else {
            const { id } = step
            const change = {
              invalidate: () => rows.invalidate(id),
              expire: () => rows.expire(id),
              set: () => rows.set(id, source[id]!),
              mutate: () => rows.mutate(id, () => undefined),
              publish: async () => {
                await rows.invalidate(id)
                await bus.publish({ keys: [['row', id]] })
              },
            }[step.type]
            source[id]!++
            await change()
            floors[step.node]![id] = source[id]!
          }
        }
        await sync()
        for (const [process, { rows }] of nodes.entries())
          for (const id of source.keys())
            check(process, id, await rows.getOrLoad(id, () => source[id]!))
      }
      await fc.assert(fc.asyncProperty(steps, run), { numRuns: RUNS })
      for (const { close } of nodes) await close()
      await other.close()
    },
    600_000,
  )
})
