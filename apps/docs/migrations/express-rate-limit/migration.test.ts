import { canSetClock, startRedis, type RedisServer } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serve } from '../serve.js'
import * as after from './after.js'
import * as before from './before.js'
import * as store from './store.js'

type Program = typeof before | typeof store | typeof after

let redis: RedisServer
beforeEach(async () => void (redis = await startRedis()))
afterEach(() => redis.stop())

const all = Object.entries({ before, store, after }).map(([name, program]) => ({
  name,
  ...program,
}))

describe.each(all)('$name', ({ createService }) => {
  it('five requests are allowed in all processes, then they are denied', async () => {
    const services = [createService(redis.url), createService(redis.url)]
    const http = await Promise.all(services.map(({ app }) => serve(app)))
    for (let i = 0; i < 5; i++) {
      const { status, body } = await http[i % 2]!.send('GET', '/')
      expect([status, body]).toEqual([200, { hello: 'world' }])
    }
    for (const { send } of http) {
      const { status, headers } = await send('GET', '/')
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      expect(headers.get('ratelimit')).toContain('r=0')
      expect((await send('GET', '/health')).status).toBe(204)
    }
    for (const running of http) await running[Symbol.asyncDispose]()
    for (const { close } of services) await close()
  })
})

describe('what differs', () => {
  it.skipIf(!canSetClock())(
    'around the end of a window, only the old program admits nearly twice the limit',
    async () => {
      const admitted = async ({ createService }: Program) => {
        await using server = await startRedis({ clock: true })
        const service = createService(server.url)
        await using http = await serve(service.app)
        const send = async (times: number) => {
          let allowed = 0
          for (let i = 0; i < times; i++)
            if ((await http.send('GET', '/')).status === 200) allowed++
          return allowed
        }
        expect(await send(1)).toBe(1)
        await server.setClock(55_000)
        const early = await send(4)
        await server.setClock(62_000)
        const late = await send(5)
        await service.close()
        return early + late // within seven seconds
      }
      expect(await admitted(before)).toBe(9)
      expect(await admitted(store)).toBe(5)
      expect(await admitted(after)).toBe(5)
    },
  )

  it('while Redis is down, the old program fails with 500, and the new ones decide', async () => {
    const status = async ({ createService }: Program) => {
      const service = createService(redis.url)
      await using http = await serve(service.app)
      expect((await http.send('GET', '/')).status).toBe(200)
      await redis.kill()
      const answer = await http.send('GET', '/')
      await redis.restart()
      await service.close()
      return answer.status
    }
    expect(await status(before)).toBe(500)
    expect(await status(store)).toBe(200) // onOutage: 'allow', the default
    expect(await status(after)).toBe(503) // onOutage: 'deny'
  })

  it('a denied request gets a text, or a problem document', async () => {
    const denied = async ({ createService }: Program) => {
      await redis.flush()
      const service = createService(redis.url)
      await using http = await serve(service.app)
      for (let i = 0; i < 5; i++) await http.send('GET', '/')
      const { headers, body } = await http.send('GET', '/')
      await service.close()
      return { type: headers.get('content-type'), body }
    }
    expect(await denied(before)).toMatchObject({ body: expect.stringContaining('Too many') })
    expect(await denied(store)).toMatchObject({ body: expect.stringContaining('Too many') })
    expect(await denied(after)).toMatchObject({
      type: expect.stringContaining('application/problem+json'),
      body: { status: 429 },
    })
  })

  it('their keys do not meet', async () => {
    for (const { name, createService } of all) {
      const service = createService(redis.url)
      await using http = await serve(service.app)
      await http.send('GET', '/')
      const keys = String(await redis.cli('KEYS', '*')).split('\n')
      for (const key of keys) expect(key).toMatch(name === 'before' ? /^shop-rl:/ : /^shop:http:/)
      await service.close()
      await redis.flush()
    }
  })
})
