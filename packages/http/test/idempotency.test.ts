import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError, type CacheClient } from '@cache/core'
import { eventually, spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createIdempotency,
  type Idempotency,
  type IdempotencyContext,
  type IdempotencyOptions,
  type IdempotentHandler,
} from '../src/index.js'
import {
  claimScript,
  completeScript,
  releaseScript,
  renewScript,
} from '../src/idempotency/scripts.js'
import { clientNames, Clients, Gate, keysWithoutTtl } from './clients.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

function post(
  key: string | undefined,
  body = '{"amount":1}',
  headers: Record<string, string> = {},
) {
  return new Request('https://shop.test/payments', {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
      ...headers,
    },
  })
}

describe.each(clientNames)('on %s', (name) => {
  const clients = new Clients()
  let client: CacheClient
  let other: CacheClient
  let count = 0
  let prefix = ''
  beforeAll(() => {
    client = clients.create(name, server.url)
    other = clients.create(name, server.url)
  })
  beforeEach(() => {
    prefix = `${name}${++count}`
  })
  afterEach(async () => expect(await keysWithoutTtl(client)).toEqual([]))
  afterAll(() => clients.end())

  const make = (options: Partial<IdempotencyOptions> = {}, on = client): Idempotency =>
    createIdempotency({ client: on, prefix, scope: () => '', ...options })

  /** Ends the only claim, as after a pause of the process that was longer than claimTtl. */
  async function loseClaim(): Promise<void> {
    const args = ['KEYS', `*${prefix}*:claim`] as const
    const [claim] = (await client.send({ args, keys: ['a'] })) as string[]
    await client.send({ args: ['DEL', claim!], keys: [claim!] })
  }

  function charging(code = 201) {
    const runs: { body: string; context: IdempotencyContext }[] = []
    const handler: IdempotentHandler = async (request, context) => {
      runs.push({ body: await request.text(), context })
      return new Response(`charge ${runs.length}`, {
        status: code,
        headers: [
          ['x-charge', String(runs.length)],
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ],
      })
    }
    return { handler, runs }
  }

  it('runs the handler once, and replays its response in every process', async () => {
    const { handler, runs } = charging()
    const first = await make().handle(post('k1'), handler)
    expect(first.headers.has('idempotency-replayed')).toBe(false)
    const retry = await make({}, other).handle(post('"k1"'), handler)
    expect(retry.status).toBe(201)
    expect(await retry.text()).toBe('charge 1')
    expect(retry.headers.get('x-charge')).toBe('1')
    expect(retry.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(retry.headers.get('idempotency-replayed')).toBe('true')
    const signal = expect.any(AbortSignal)
    expect(runs).toEqual([
      { body: '{"amount":1}', context: { key: 'k1', attempt: 1, isProtected: true, signal } },
    ])
  })

  it('answers 409 while the first request runs: 20 requests, one run', async () => {
    const gate = new Gate()
    let runs = 0
    const handler: IdempotentHandler = async () => {
      runs++
      await gate.opened
      return new Response('done')
    }
    const all = [make(), make({}, other)]
    const answers = Array.from({ length: 20 }, (_, i) => all[i % 2]!.handle(post('k'), handler))
    const settled: Response[] = []
    for (const answer of answers) void answer.then((response) => settled.push(response))
    await eventually(() => settled.length === 19)
    expect(runs).toBe(1)
    for (const response of settled) {
      expect(response.status).toBe(409)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
    gate.open()
    await Promise.all(answers)
    expect(await (await make().handle(post('k'), handler)).text()).toBe('done')
    expect(runs).toBe(1)
  })

  it.each([
    ['another body', post('k', '{"amount":2}')],
    ['another method', new Request('https://shop.test/payments', { method: 'PATCH' })],
    ['another URL', new Request('https://shop.test/refunds', { method: 'POST' })],
  ])('answers 422 to a key with %s', async (_, given) => {
    const { handler, runs } = charging()
    const idempotency = make()
    await idempotency.handle(post('k'), handler)
    const request = new Request(given, { headers: post('k').headers })
    const response = await idempotency.handle(request, handler)
    expect(response.status).toBe(422)
    expect(runs).toHaveLength(1)
  })

  it('answers 422 also while the first request runs', async () => {
    const gate = new Gate()
    const first = make().handle(post('k'), async () => {
      await gate.opened
      return new Response('')
    })
    await eventually(async () => {
      const response = await make().handle(post('k', 'other'), () => new Response('ran'))
      return response.status === 422
    })
    gate.open()
    await first
  })

  it('answers 400 to a missing key if keys are required, and to an invalid key', async () => {
    const { handler, runs } = charging()
    expect((await make({ required: true }).handle(post(undefined), handler)).status).toBe(400)
    for (const key of ['', 'two words', 'x'.repeat(256), '"open'])
      expect((await make().handle(post(key), handler)).status, key).toBe(400)
    expect(runs).toHaveLength(0)
    expect((await make().handle(post(undefined), handler)).status).toBe(201)
    const unprotected = { key: undefined, attempt: 1, isProtected: false }
    expect(runs[0]!.context).toMatchObject(unprotected)
    expect(runs[0]!.context.signal.aborted).toBe(false)
  })

  it('leaves methods alone that are not listed', async () => {
    const { handler, runs } = charging()
    const put = () => new Request(post('k'), { method: 'PUT' })
    const idempotency = make()
    await idempotency.handle(put(), handler)
    await idempotency.handle(put(), handler)
    expect(runs).toHaveLength(2)
  })

  it('gives each run a signal of its own, so that it keeps no listeners of others', async () => {
    const signals = new Set<AbortSignal>()
    const handler: IdempotentHandler = (_, { signal }) => {
      signals.add(signal)
      return new Response('ran')
    }
    const idempotency = make()
    for (const key of [undefined, undefined, 'k1', 'k2'])
      await idempotency.handle(post(key), handler)
    expect(signals.size).toBe(4)
  })

  it('keeps the keys of different scopes apart', async () => {
    const { handler, runs } = charging()
    const idempotency = make({ scope: ({ headers }) => headers.get('x-user') ?? '' })
    for (const user of ['ann', 'bob', 'ann'])
      await idempotency.handle(post('k', 'x', { 'x-user': user }), handler)
    expect(runs).toHaveLength(2)
  })

  it('replays failures, but for statuses that say that nothing was done', async () => {
    const failing = charging(500)
    const idempotency = make()
    await idempotency.handle(post('k'), failing.handler)
    expect((await idempotency.handle(post('k'), failing.handler)).status).toBe(500)
    expect(failing.runs).toHaveLength(1)
    const busy = charging(503)
    await idempotency.handle(post('b'), busy.handler)
    await idempotency.handle(post('b'), busy.handler)
    expect(busy.runs.map(({ context }) => context.attempt)).toEqual([1, 1])
  })

  it('keeps a run going for longer than claimTtl', async () => {
    const gate = new Gate()
    const idempotency = make({ claimTtl: '300ms' })
    const first = idempotency.handle(post('k'), async () => {
      await gate.opened
      return new Response('slow')
    })
    const end = performance.now() + 1_500
    while (performance.now() < end) {
      const retry = await make({ claimTtl: '300ms' }, other).handle(post('k'), () => {
        throw new Error('ran twice')
      })
      expect(retry.status).toBe(409)
    }
    gate.open()
    expect(await (await first).text()).toBe('slow')
  })

  describe('after a crash', () => {
    it('of a killed process, blocks a key for claimTtl, and then runs once', async () => {
      const options = { claimTtl: '1s' } as const
      await using group = spawnProcesses(new URL('./processes/payer.ts', import.meta.url), {
        data: { url: server.url, client: name, prefix, ...options },
      })
      const [payer] = group.processes
      await payer!.next('running', { timeout: 60_000 })
      await payer!.kill()
      const { handler, runs } = charging()
      const pay = () => make(options).handle(post('k'), handler)
      expect((await pay()).status).toBe(409)
      await eventually(async () => (await pay()).status === 201)
      expect(runs.map(({ context }) => context.attempt)).toEqual([2])
    })

    /** A process that dies while its handler runs, for all that Redis can see. */
    async function crash(options: Partial<IdempotencyOptions>): Promise<void> {
      const doomed = new Clients()
      const dying = doomed.create(name, server.url)
      let running = false
      void make(options, dying)
        .handle(post('k'), () => {
          running = true
          return new Promise<Response>(() => undefined)
        })
        .catch(() => undefined)
      await eventually(() => running)
      await doomed.end()
    }

    it('runs nothing until the claim ends, and then once, as the second attempt', async () => {
      const options = { claimTtl: '1s' } as const
      await crash(options)
      const { handler, runs } = charging()
      const begun = performance.now()
      const answers: number[] = []
      await eventually(async () => {
        const { status } = await make(options).handle(post('k'), handler)
        answers.push(status)
        return status === 201
      })
      expect(answers[0]).toBe(409)
      // The claim began at most a renewal before the crash.
      expect(performance.now() - begun).toBeGreaterThan(300)
      expect(runs.map(({ context }) => context.attempt)).toEqual([2])
      expect((await make(options).handle(post('k'), handler)).status).toBe(201)
      expect(runs).toHaveLength(1)
    })

    it("never runs the handler again with afterCrash: 'refuse'", async () => {
      const options = { claimTtl: '300ms', afterCrash: 'refuse' } as const
      await crash(options)
      const { handler, runs } = charging()
      await eventually(async () => {
        const response = await make(options).handle(post('k'), handler)
        expect(response.status).toBe(409)
        return (await response.text()).includes('unknown')
      })
      expect(runs).toHaveLength(0)
    })

    it('counts an error of the handler as a crash', async () => {
      const options = { claimTtl: '300ms' } as const
      const failing = make(options).handle(post('k'), () => {
        throw new Error('charged?')
      })
      await expect(failing).rejects.toThrow('charged?')
      const { handler, runs } = charging()
      expect((await make(options).handle(post('k'), handler)).status).toBe(409)
      await eventually(async () => (await make(options).handle(post('k'), handler)).status === 201)
      expect(runs[0]!.context.attempt).toBe(2)
    })
  })

  it('makes no claim for a run that was given up, however late its command arrives', async () => {
    const record = `${prefix}:late`
    const keys = [record, `${prefix}:{${record}}:claim`, `${prefix}:{${record}}:left:t1`]
    const claim = (token: string) =>
      client.run(
        claimScript,
        [...keys.slice(0, 2), keys[2]!.replace('t1', token)],
        [token, 'print', '60000', '60000', '1'],
      )
    expect(await client.run(releaseScript, keys, ['t1', '60000'])).toBe(true)
    expect(await claim('t1')).toEqual({ status: 'left' })
    expect(await claim('t2')).toEqual({ status: 'started', attempt: 1 })
    expect(await claim('t2')).toEqual({ status: 'started', attempt: 1 })
  })

  it('tells a run that another one has taken over', async () => {
    const options = { claimTtl: '900ms' } as const
    const gate = new Gate()
    let overtaken: AbortSignal | undefined
    const first = make(options).handle(post('k'), async (_, { signal }) => {
      overtaken = signal
      await gate.opened
      return new Response('first')
    })
    await eventually(() => overtaken)
    await loseClaim()
    const { handler } = charging()
    expect((await make(options, other).handle(post('k'), handler)).status).toBe(201)
    await eventually(() => overtaken!.aborted)
    expect(overtaken!.reason).toMatchObject({ name: 'ClaimLostError', code: 'CLAIM_LOST' })
    gate.open()
    expect((await first).status).toBe(409)
  })

  it.each([
    ['has', 201],
    ['gives up', 503],
  ])('does not take a run for lost that %s its response', async (_, code) => {
    const ending = new Gate()
    const renewed = new Gate()
    // The replies to the last step and to a renewal behind it arrive together.
    const run: CacheClient['run'] = async (script, ...args) => {
      const reply = await client.run(script, ...args)
      if ([completeScript, releaseScript].includes(script as never)) {
        ending.open()
        await Promise.race([renewed.opened, sleep(300)])
      }
      if ((script as unknown) === renewScript) {
        await ending.opened
        renewed.open()
      }
      return reply
    }
    const delayed = new Proxy(client, {
      get: (target, name) => (name === 'run' ? run : (Reflect.get(target, name) as unknown)),
    })
    const { handler, runs } = charging(code)
    await make({ claimTtl: '300ms' }, delayed).handle(post('k'), handler)
    expect(runs[0]!.context.signal.aborted).toBe(false)
  })

  it('does not let a run that was overtaken store its response', async () => {
    const gate = new Gate()
    const idempotency = make({ claimTtl: '60s' })
    let running = false
    const first = idempotency.handle(post('k'), async () => {
      running = true
      await gate.opened
      return new Response('first')
    })
    await eventually(() => running)
    await loseClaim()
    const second = await make({}, other).handle(post('k'), (_, { attempt }) => {
      return new Response(`attempt ${attempt}`)
    })
    expect(await second.text()).toBe('attempt 2')
    gate.open()
    expect((await first).status).toBe(409)
    const retry = await idempotency.handle(post('k'), () => new Response('third'))
    expect(await retry.text()).toBe('attempt 2')
  })

  it('gives the handler an empty body that it can read', async () => {
    const response = await make().handle(post('k', ''), async (request) => {
      return new Response(`read ${JSON.stringify(await request.text())}`)
    })
    expect(await response.text()).toBe('read ""')
  })

  it.each([
    { ttl: 300, claimTtl: 300 },
    { ttl: 100, claimTtl: 900 },
  ])('keeps a run that takes longer than its ttl: %o', async (options) => {
    const gate = new Gate()
    const slow = make(options).handle(post('k'), async () => {
      await gate.opened
      return new Response('paid')
    })
    const end = performance.now() + 1_500
    while (performance.now() < end) {
      const retry = await make(options, other).handle(post('k'), () => {
        throw new Error('ran twice')
      })
      expect(retry.status).toBe(409)
    }
    gate.open()
    expect(await (await slow).text()).toBe('paid')
  })

  it.each([undefined, null, 7])('refuses the scope %s, which is no text', async (scope) => {
    const { handler, runs } = charging()
    const refused = make({ scope: () => scope as never }).handle(post('k'), handler)
    await expect(refused).rejects.toThrow(UsageError)
    expect(runs).toHaveLength(0)
  })

  it('takes a retry that another instance gets under another host', async () => {
    const { handler, runs } = charging()
    const at = (host: string): Request => new Request(`http://${host}/payments`, post('k'))
    await make().handle(at('10.0.0.1:3000'), handler)
    expect((await make({}, other).handle(at('10.0.0.2:3000'), handler)).status).toBe(201)
    expect(runs).toHaveLength(1)
  })

  it('refuses large requests, and does not repeat a run with a large response', async () => {
    const { handler, runs } = charging()
    const idempotency = make({ maxRequestBytes: 100, maxBodyBytes: 100 })
    expect((await idempotency.handle(post('a', 'x'.repeat(101)), handler)).status).toBe(413)
    expect(runs).toHaveLength(0)
    let large = 0
    const exporting: IdempotentHandler = () => new Response(`${++large}`.repeat(500))
    const first = await idempotency.handle(post('b'), exporting)
    expect((await first.text()).length).toBe(500)
    const retry = await idempotency.handle(post('b'), exporting)
    expect(retry.status).toBe(409)
    expect(large).toBe(1)
  })

  it('does not wait for the other branch of a request that was cloned', async () => {
    const idempotency = make({ maxRequestBytes: 100 })
    const large = new Request('https://shop.test/payments', {
      method: 'POST',
      headers: { 'idempotency-key': 'a' },
      body: new Response('x'.repeat(101)).body!,
      duplex: 'half',
    } as RequestInit)
    const kept = [large.clone()] // Somebody may read it later, for a log.
    expect((await idempotency.handle(large, () => new Response())).status).toBe(413)
    expect(await kept[0]!.text()).toBe('x'.repeat(101))
  })

  it('does not wait for the other branch of a response that was cloned', async () => {
    const idempotency = make({ maxBodyBytes: 100 })
    const kept: Response[] = []
    const run = await idempotency.handle(post('k'), async () => {
      await loseClaim()
      await make({}, other).handle(post('k'), () => new Response('taken over'))
      const response = new Response('x'.repeat(101))
      kept.push(response.clone()) // Somebody may read it later, for a log.
      return response
    })
    expect(run.status).toBe(409)
    expect(await kept[0]!.text()).toBe('x'.repeat(101))
  })

  it('does not repeat a run whose response breaks off', async () => {
    let runs = 0
    const handler: IdempotentHandler = () => {
      runs++
      const body = new ReadableStream({ pull: (controller) => controller.error(new Error('gone')) })
      return new Response(body)
    }
    await expect(make({ claimTtl: '300ms' }).handle(post('k'), handler)).rejects.toThrow('gone')
    expect((await make().handle(post('k'), handler)).status).toBe(409)
    await sleep(500)
    expect((await make().handle(post('k'), handler)).status).toBe(409)
    expect(runs).toBe(1)
  })

  it('runs nothing again if the stored response is damaged', async () => {
    const { handler, runs } = charging()
    await make().handle(post('k'), handler)
    const [key] = (await client.send({ args: ['KEYS', `*${prefix}*`], keys: ['a'] })) as string[]
    for (const garbage of ['', 'x', '\u0000\u0000\u0000\u0002{}', '\uffff'.repeat(9)]) {
      await client.send({ args: ['HSET', key!, 'response', garbage], keys: [key!] })
      expect((await make().handle(post('k'), handler)).status).toBe(409)
    }
    expect(runs).toHaveLength(1)
  })

  it('replaces a value of another type under its key', async () => {
    const { handler } = charging()
    await make().handle(post('k'), handler)
    const [key] = (await client.send({ args: ['KEYS', `*${prefix}*`], keys: ['a'] })) as string[]
    await client.send({ args: ['SET', key!, 'foreign', 'PX', '60000'], keys: [key!] })
    expect((await make().handle(post('k'), handler)).status).toBe(201)
  })
})
