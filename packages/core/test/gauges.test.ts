import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually, startRedis } from '@cache/testkit'
import { expect, it, vi } from 'vitest'
import { createCacheClient, type CacheClient } from '../src/index.js'
import {
  addGauge,
  addHealthPart,
  measureGauges,
  type HealthPart,
  type Measurements,
} from '../src/internal.js'
import { flavours } from './drivers/clients.js'

const queue: Measurements['queue'] = { writes: 1, oldest: 2, deadLetters: 0, unowned: 0 }
const [flavour] = flavours

it('a gauge that fails or hangs is an error in time, and holds up no other one', async () => {
  await using server = await startRedis()
  await using made = flavour!.standalone(server.url)
  await using client = createCacheClient(made.driver, { namespace: 'shop' })
  addGauge(client, 'queue', 'good', client, async () => queue)
  addGauge(client, 'queue', 'throws', client, () => {
    throw new RangeError('broken')
  })
  addGauge(client, 'queue', 'rejects', client, () => Promise.reject(new RangeError('broken')))
  addGauge(client, 'queue', 'hangs', client, () => new Promise(() => undefined))
  const measured = await measureGauges([client], 50)
  expect(measured.map(({ name, values }) => [name, values])).toEqual([
    ['', { open: 0, halfOpen: 0 }],
    ['good', queue],
    ['throws', expect.any(RangeError)],
    ['rejects', expect.any(RangeError)],
    ['hangs', expect.objectContaining({ code: 'TIMEOUT' })],
  ])
})

it('gauges end with their removal, and with their client', async () => {
  await using server = await startRedis()
  await using made = flavour!.standalone(server.url)
  const client = createCacheClient(made.driver, { namespace: 'shop' })
  const measure = vi.fn(() => queue)
  const remove = addGauge(client, 'queue', 'a', client, measure)
  const wrapped = { ...client }
  addGauge(wrapped, 'queue', 'b', wrapped, measure)
  const names = async (): Promise<string[]> =>
    (await measureGauges([client, wrapped], 1_000)).map(({ name }) => name)
  expect(await names()).toEqual(['', 'a', 'b'])
  remove()
  expect(await names()).toEqual(['', 'b'])
  await client.close()
  addGauge(client, 'queue', 'late', client, measure)
  measure.mockClear()
  expect(await names()).toEqual([])
  expect(measure).not.toHaveBeenCalled()
  expect(await measureGauges([{}], 1_000)).toEqual([])
})

it('an open circuit is counted', async () => {
  await using server = await startRedis()
  await using made = flavour!.standalone(server.url)
  await using client = createCacheClient(made.driver, {
    onError: () => undefined,
    resilience: { readTimeout: 200, writeTimeout: 200, breaker: { failures: 3, cooldown: '1m' } },
  })
  await client.send({ args: ['GET', 'k'], keys: ['k'] })
  await server.pause()
  await vi.waitFor(
    async () => {
      await client.send({ args: ['GET', 'k'], keys: ['k'] }).catch(() => undefined)
      expect(await measureGauges([client], 1_000)).toMatchObject([
        { kind: 'circuits', values: { open: 1, halfOpen: 0 } },
      ])
    },
    { timeout: 20_000 },
  )
})

it('gauges and parts of the health whose owner nobody uses any more are forgotten', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await using server = await startRedis()
  await using made = flavour!.standalone(server.url)
  await using client = createCacheClient(made.driver, { namespace: 'shop' })
  const kept = addQueue(client, 'kept')
  addQueue(client, 'forgotten')
  await eventually(async () => {
    collect()
    const measured = await measureGauges([client], 1_000)
    expect(measured.map(({ name }) => name)).toEqual(['', 'kept'])
    const { parts } = await client.health()
    expect(parts.map(({ name }) => name)).toEqual(['kept'])
    return true
  })
  expect(kept).toEqual(queue)
})

function addQueue(client: CacheClient, name: string): Measurements['queue'] {
  const owner = { ...queue }
  addGauge(client, 'queue', name, owner, measureQueue)
  addHealthPart(client, name, owner, checkQueue)
  return owner
}

const measureQueue = (owner: Measurements['queue']): Measurements['queue'] => ({ ...owner })

const checkQueue = ({ writes }: Measurements['queue']): HealthPart => ({
  healthy: true,
  details: { writes },
})
