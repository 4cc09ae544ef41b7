import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_CALLS_PER_COMMAND } from '../src/client/batch/batched-command.js'
import {
  InvalidOptionError,
  ServerError,
  defineScript,
  slot,
  type CacheClient,
  type Reply,
} from '../src/index.js'
import { onEach } from './cases.js'

const RUNS = process.env.CHAOS ? 300 : 15

const increment = defineScript({
  name: 'increment',
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  parse: Number,
})
const append = defineScript({
  name: 'append',
  lua: "return redis.call('RPUSH', KEYS[1], ARGV[1])",
  parse: Number,
})
/** Counts how often it ran, although it is declared read-only. */
const asking = defineScript({
  name: 'asking',
  readOnly: true,
  lua: "return {redis.call('INCR', KEYS[1]), ARGV[1] or false}",
  parse: (reply) => reply as [number, string | null],
})
const echo = defineScript({
  name: 'echo',
  binary: true,
  lua: 'return ARGV[1]',
  parse: (reply) => reply as Buffer | null,
})

onEach((bench) => {
  const list = async (client: CacheClient, key: string): Promise<Reply> =>
    client.send({ args: ['LRANGE', key, '0', '-1'], keys: [key] })
  const flushScripts = async (): Promise<void> =>
    void (await Promise.all(bench().servers.map((server) => server.cli('SCRIPT', 'FLUSH'))))
  const slots = (keys: readonly string[]): number =>
    bench().topology === 'cluster' ? new Set(keys.map(slot)).size : 1

  describe('the calls of one tick', () => {
    it('are sent in one EVALSHA per slot, and each gets its own reply', async () => {
      const client = bench().newClient()
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => client.run(increment, [`warm ${i}`], ['1'])),
      )
      const watched = await bench().watch()
      const keys = Array.from({ length: MAX_CALLS_PER_COMMAND }, (_, i) => `{${i % 5}}:${i}`)
      expect(
        await Promise.all(keys.map((key, i) => client.run(increment, [key], [String(i)]))),
      ).toEqual(keys.map((_, i) => i))
      const sent = await watched.commands('EVALSHA', 'EVAL')
      expect(sent.filter(([name]) => name!.toUpperCase() === 'EVALSHA')).toHaveLength(slots(keys))
      // This affects a node of the Cluster that had none of the warm-up keys.
      expect(sent.length).toBeLessThanOrEqual(2 * slots(keys))
    })

    it('run in order, even if there are too many for one EVALSHA', async () => {
      const client = bench().newClient()
      await client.run(append, ['list'], ['first'])
      const watched = await bench().watch()
      const lengths = await Promise.all(
        Array.from({ length: 600 }, (_, i) => client.run(append, ['list'], [String(i)])),
      )
      expect(lengths).toEqual(Array.from({ length: 600 }, (_, i) => i + 2))
      expect(await list(client, 'list')).toEqual([
        'first',
        ...Array.from({ length: 600 }, (_, i) => String(i)),
      ])
      expect(await watched.commands('EVALSHA')).toHaveLength(600 / MAX_CALLS_PER_COMMAND)
    })

    it('are sent in order, even if there are too many for one turn', async () => {
      const client = bench().newClient()
      const asked = Array.from({ length: 3 * MAX_CALLS_PER_COMMAND + 1 }, (_, i) =>
        client.run(append, ['list'], [String(i)]),
      )
      const seen = client.send({ args: ['LLEN', 'list'], keys: ['list'] })
      const later = Promise.resolve()
        .then(() => new Promise<void>((resolve) => process.nextTick(resolve)))
        .then(() => client.send({ args: ['LLEN', 'list'], keys: ['list'] }))
      await Promise.all(asked)
      expect(await seen).toBe(asked.length)
      expect(await later).toBe(asked.length)
    })

    it('get their own arguments, however many of these they share', async () => {
      const client = bench().newClient()
      const all = defineScript({
        name: 'all',
        binary: true,
        lua: 'return ARGV',
        parse: (reply) => reply as Buffer[],
      })
      const argument = fc.oneof(
        fc.constantFrom('', '=', '-', 'same', '1'),
        fc.string({ maxLength: 4 }),
        fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      )
      const calls = fc
        .tuple(
          fc.oneof(fc.nat({ max: 4 }), fc.integer({ min: 99, max: 103 })),
          fc.integer({ min: 1, max: 5 }),
        )
        .chain(([width, count]) =>
          fc.array(fc.array(argument, { minLength: width, maxLength: width }), {
            minLength: count,
            maxLength: count,
          }),
        )
      await fc.assert(
        fc.asyncProperty(calls, async (each) => {
          const answers = await Promise.all(each.map((args) => client.run(all, ['{k}'], args)))
          expect(answers).toEqual(each.map((args) => args.map((one) => Buffer.from(one as string))))
        }),
        { numRuns: RUNS },
      )
    })

    it.each([1, 2, 99, 100, 101, 250])('get their own keys, %s each', async (count) => {
      const client = bench().newClient()
      const keysOf = defineScript({
        name: 'keys',
        lua: 'return KEYS',
        parse: (reply) => reply as string[],
      })
      const each = ['a', 'b', 'c'].map((name) =>
        Array.from({ length: count }, (_, i) => `{k}:${name}:${i}`),
      )
      expect(await Promise.all(each.map((keys) => client.run(keysOf, keys, [])))).toEqual(each)
    })

    it('can share the tables of their keys and arguments', async () => {
      const client = bench().newClient()
      const shared = defineScript({
        name: 'shared',
        sharedTables: true,
        lua: 'return {KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], #ARGV}',
        parse: (reply) => reply as Reply[],
      })
      for (const count of [1, 2, 20]) {
        const calls = Array.from({ length: count }, (_, i) => ({
          keys: [`{k}${i}`, `{k}:${i % 2}`],
          args: ['same', `${i}`, `${i % 2}`],
        }))
        const replies = await Promise.all(
          calls.map(({ keys, args }) => client.run(shared, keys, args)),
        )
        expect(replies).toEqual(calls.map(({ keys, args }) => [...keys, ...args, 3]))
      }
    })

    it('have the results of separate calls, in order for each key: any calls', async () => {
      const client = bench().newClient()
      let run = 0
      const call = fc.record({ key: fc.nat({ max: 6 }), value: fc.string({ maxLength: 8 }) })
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(call, { maxLength: 40 }), { maxLength: 6 }),
          async (ticks) => {
            const prefix = `run ${++run}:`
            const model = new Map<string, string[]>()
            for (const tick of ticks) {
              const answers = tick.map(({ key, value }) =>
                client.run(append, [prefix + key], [value]),
              )
              const expected = tick.map(({ key, value }) => {
                const own = model.get(prefix + key) ?? []
                model.set(prefix + key, own)
                return own.push(value)
              })
              expect(await Promise.all(answers)).toEqual(expected)
            }
            for (const [key, own] of model) expect(await list(client, key)).toEqual(own)
          },
        ),
        { numRuns: RUNS },
      )
    })

    it('don’t touch each other when one fails', async () => {
      const client = bench().newClient()
      await client.send({ args: ['SET', '{t}:text', 'not a number'], keys: ['{t}:text'] })
      await client.send({ args: ['RPUSH', '{t}:list', 'x'], keys: ['{t}:list'] })
      const [one, text, two, wrongType, three] = await Promise.allSettled(
        ['{t}:1', '{t}:text', '{t}:1', '{t}:list', '{t}:1'].map((key) =>
          client.run(increment, [key], ['5']),
        ),
      )
      expect([one, two, three]).toEqual(
        [5, 10, 15].map((value) => ({ status: 'fulfilled', value })),
      )
      expect(text).toMatchObject({
        status: 'rejected',
        reason: { name: 'ServerError', code: 'ERR', key: '{t}:text', command: 'increment' },
      })
      expect(wrongType).toMatchObject({
        status: 'rejected',
        reason: { name: 'ServerError', code: 'WRONGTYPE', key: '{t}:list' },
      })
    })

    it('of other scripts, and with other numbers of arguments, are independent', async () => {
      const client = bench().newClient()
      const sum = defineScript({
        name: 'sum',
        lua: `
          local sum = #KEYS * 1000
          for _, number in ipairs(ARGV) do sum = sum + number end
          return sum`,
        parse: Number,
      })
      const answers = await Promise.all([
        client.run(sum, ['{t}a'], ['1']),
        client.run(sum, ['{t}a', '{t}b'], []),
        client.run(increment, ['{t}n'], ['7']),
        client.run(sum, ['{t}a'], ['1', '2']),
        client.run(sum, ['{t}a'], ['4']),
        client.run(sum, [], ['9']),
      ])
      expect(answers).toEqual([1001, 2000, 7, 1003, 1004, 9])
    })

    it('of read-only scripts run once if they are identical', async () => {
      const client = bench().newClient()
      const ask = (key: string, arg: string): Promise<[number, string | null]> =>
        client.run(asking, [key], [arg])
      const same = await Promise.all(Array.from({ length: 50 }, () => ask('a', 'x')))
      expect(same).toEqual(same.map(() => [1, 'x']))
      expect(
        await Promise.all([ask('a', 'x'), ask('a', 'y'), ask('b', 'x'), ask('a', 'x')]),
      ).toEqual([
        [2, 'x'],
        [3, 'y'],
        [1, 'x'],
        [2, 'x'],
      ])
    })

    it('that change something are never merged', async () => {
      const client = bench().newClient()
      expect(
        await Promise.all(Array.from({ length: 50 }, () => client.run(increment, ['n'], ['1']))),
      ).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    })
  })

  describe('a server that does not know the script', () => {
    it('receives the source, once for all calls', async () => {
      const client = bench().newClient()
      await flushScripts()
      const watched = await bench().watch()
      expect(
        await Promise.all(Array.from({ length: 20 }, () => client.run(increment, ['n'], ['1']))),
      ).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
      const sent = await watched.commands('EVALSHA', 'EVAL')
      expect(sent.map(([name]) => name!.toUpperCase())).toEqual(['EVALSHA', 'EVAL'])
      expect(await client.run(increment, ['n'], ['1'])).toBe(21)
      expect(
        (await watched.commands('EVALSHA', 'EVAL')).map(([name]) => name!.toUpperCase()),
      ).toEqual(['EVALSHA'])
    })

    it('or repeatedly forgets it at any time: each call runs once', async () => {
      const client = bench().newClient()
      let calls = 0
      let working = true
      const work = Array.from({ length: 20 }, async (_, i) => {
        while (working) {
          calls++
          await client.run(increment, [`n ${i % 7}`], ['1'])
        }
      })
      for (let i = 0; i < 20; i++) await flushScripts()
      working = false
      await Promise.all(work)
      const counted = await Promise.all(
        Array.from({ length: 7 }, (_, i) =>
          client.send({ args: ['GET', `n ${i}`], keys: [`n ${i}`] }),
        ),
      )
      expect(counted.reduce<number>((sum, count) => sum + Number(count), 0)).toBe(calls)
    })
  })

  describe('the data of a call', () => {
    it('can be any bytes, in both directions', async () => {
      const client = bench().newClient()
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 20 }),
          async (all) => {
            const sent = [every, ...all.map((each) => Buffer.from(each))]
            expect(
              await Promise.all(sent.map((bytes) => client.run(echo, ['k'], [bytes]))),
            ).toEqual(sent)
          },
        ),
        { numRuns: RUNS },
      )
    })

    it('returns any shape of Lua: numbers, nothing, lists, a status', async () => {
      const client = bench().newClient()
      const shapes = defineScript({
        name: 'shapes',
        parse: (reply) => reply,
        lua: `
          local shapes = {one = 1, half = 1.5, nothing = false, yes = true, text = ''}
          shapes.list = {1, 'two', {3, {}}}
          shapes.ok = redis.status_reply('FINE')
          return shapes[ARGV[1]]`,
      })
      const asked = ['one', 'half', 'nothing', 'yes', 'list', 'ok', 'text', 'none']
      expect(await Promise.all(asked.map((name) => client.run(shapes, ['k'], [name])))).toEqual([
        1,
        1,
        null,
        1,
        [1, 'two', [3, []]],
        'FINE',
        '',
        null,
      ])
    })

    it('back and can’t be parsed rejects its own call', async () => {
      const client = bench().newClient()
      const picky = defineScript({
        name: 'picky',
        lua: 'return ARGV[1]',
        parse: (reply) => {
          if (reply === 'bad') throw new RangeError('bad')
          return reply
        },
      })
      const answers = await Promise.allSettled(
        ['a', 'bad', 'b'].map((arg) => client.run(picky, ['k'], [arg])),
      )
      expect(answers).toMatchObject([
        { value: 'a' },
        { reason: { name: 'RangeError' } },
        { value: 'b' },
      ])
    })
  })

  describe('a script', () => {
    it.each([
      ['error in Lua', "error('my own words')", 'my own words'],
      ['a name that is none', 'return nothing.at_all', 'nothing'],
      ['a command that is none', "return redis.call('NOSUCH')", 'nknown'],
      ['an error as a table', "error({err='MINE own words'})", 'own words'],
    ])('that fails by %s says so', async (_, lua, words) => {
      const client = bench().newClient()
      const failing = defineScript({
        name: 'failing',
        lua: `${lua}\n-- return`,
        parse: (reply) => reply,
      })
      const error = await client.run(failing, ['k'], []).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(ServerError)
      expect((error as Error).message).toContain(words)
      expect(error).toMatchObject({ command: 'failing', key: 'k' })
    })

    it('that does not compile rejects all its calls, and affects no other', async () => {
      const client = bench().newClient()
      const broken = defineScript({ name: 'broken', lua: 'return )', parse: (reply) => reply })
      const answers = await Promise.allSettled([
        client.run(broken, ['k'], []),
        client.run(broken, ['k'], []),
        client.run(increment, ['k'], ['1']),
      ])
      expect(answers).toMatchObject([
        { status: 'rejected', reason: { name: 'ServerError' } },
        { status: 'rejected', reason: { name: 'ServerError' } },
        { value: 1 },
      ])
    })

    it('can use the functions, and has separate locals in each call', async () => {
      const client = bench().newClient()
      const twice = defineScript({
        name: 'twice',
        functions: 'local function twice(n) return n * 2 end',
        lua: 'local list = {} list[#list + 1] = twice(ARGV[1]) return list',
        parse: (reply) => reply,
      })
      expect(await Promise.all(['1', '2', '3'].map((n) => client.run(twice, ['k'], [n])))).toEqual([
        [2],
        [4],
        [6],
      ])
    })

    it('is identified by the SHA-1 that the server computes', async () => {
      expect(await bench().servers[0]!.cli('SCRIPT', 'LOAD', increment.source)).toBe(increment.sha)
      expect(createHash('sha1').update(increment.source).digest('hex')).toBe(increment.sha)
    })
  })

  it('a call with keys of two slots is refused by a Cluster, with its own error', async () => {
    const call = bench().newClient().run(increment, ['a', 'b'], ['1'])
    if (bench().topology === 'cluster') await expect(call).rejects.toBeInstanceOf(ServerError)
    else expect(await call).toBe(1)
  })
})

describe('defineScript', () => {
  it.each([
    ['lua', { lua: '' }],
    ['lua', { lua: "redis.call('PING')" }],
    ['lua', { lua: undefined }],
    ['lua', { lua: 5 }],
    ['parse', { parse: undefined }],
    ['parse', { parse: 'Number' }],
  ])('refuses a wrong %s (%o)', (option, wrong) => {
    const define = (): unknown =>
      defineScript({ name: 'x', lua: 'return 1', parse: Number, ...wrong } as never)
    expect(define).toThrow(InvalidOptionError)
    expect(define).toThrow(`"${option}"`)
  })
})
