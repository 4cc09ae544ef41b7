import { beforeEach, expect, it, vi } from 'vitest'
import { defineScript, type CacheClient } from '../src/index.js'
import {
  createFormat,
  createToken,
  type Announcement,
  type Entry,
  type NearEntries,
  type NearValue,
} from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<string>()
const write = { ttl: 60_000 }

onEach((bench) => {
  let client: CacheClient
  beforeEach(() => void (client = bench().newClient()))

  /** A near cache that records the calls it gets, and returns the entries that it is given. */
  function recordingNearCache(announcement?: Omit<Announcement, 'nth'>) {
    const calls: string[] = []
    const nearEntries = new Map<string, Entry<unknown>>()
    let sequence = 0
    const record = (call: string, key: string, value?: NearValue) =>
      calls.push(`${call} ${key}${value ? ` = ${describeValue(value)}` : ''}`)
    const near: NearEntries = {
      get: <T>(key: string) => nearEntries.get(key) as Entry<T> | undefined,
      ask: (key) => ({ answered: (value) => record('answered', key, value) }),
      change: (keys) => ({
        announcement: announcement && { ...announcement, nth: ++sequence },
        acknowledged: (value) => record('changed', keys.join(), value),
        failed: () => record('failed', keys.join()),
      }),
    }
    return { entries: client.entries.withNear(near), calls, nearEntries }
  }

  it('a near cache is told values with life and size, and acknowledged changes', async () => {
    const { entries, calls } = recordingNearCache()
    await entries.read('k', format)
    const token = createToken()
    await entries.lease('k', format, { token, ttl: 1_000 })
    await entries.fill('k', format, token, 'a', write)
    await entries.read('k', format)
    await entries.readMany(['k', 'none'], format)
    await entries.lease('k', format, { token, ttl: 1_000 })
    await entries.put('k', format, 'bb', write)
    await entries.beginWrite(['k'], token, 1_000)
    await entries.commitWrite('k', token, { ...write, format, value: 'c' })
    await entries.beginWrite(['k'], token, 1_000)
    await entries.commitWrite('k', token)
    await entries.expire(['k'], 100)
    await entries.invalidate(['k', 'l'])
    const a = 'k = "a", 3 bytes, with a life'
    expect(calls).toEqual([
      'answered k',
      'answered k',
      `answered ${a}`,
      `answered ${a}`,
      'answered none',
      `answered ${a}`,
      `answered ${a}`,
      'changed k = "bb", 4 bytes, with a life',
      'changed k',
      'changed k = "c", 3 bytes, with a life',
      'changed k',
      'changed k',
      'changed k',
      'changed k,l',
    ])
  })

  it('a near cache answers reads of its entries without Redis', async () => {
    const { entries, calls, nearEntries } = recordingNearCache()
    const entry = { value: 'near', absent: false, version: undefined, computeTime: undefined }
    nearEntries.set('k', entry)
    expect(await entries.read('k', format)).toBe(entry)
    expect(await entries.readWithLife('k', format)).toBe(entry)
    expect(await entries.readMany(['k', 'other'], format)).toEqual([entry, undefined])
    expect(calls).toEqual(['answered other'])
  })

  it('a near cache is told that a change failed', async () => {
    const { entries, calls } = recordingNearCache()
    await client.close()
    await expect(entries.invalidate(['k'])).rejects.toThrow()
    await expect(entries.put('k', format, 'a', write)).rejects.toThrow()
    expect(await entries.read('k', format).catch(() => 'rejected')).toBe('rejected')
    expect(calls).toEqual(['failed k', 'failed k', 'answered k'])
  })

  it('changes of one tick are published in one message, without duplicates or fills', async () => {
    const { entries } = recordingNearCache({ channel: 'changes', from: 'me' })
    const received: { keys: string[]; nth: number; from: string; v: number }[] = []
    const subscription = await client.driver.subscribe(['changes'], {
      message: (_, text) => received.push(JSON.parse(text)),
      gap: () => undefined,
      live: () => undefined,
    })
    const token = createToken()
    await entries.lease('{t}f', format, { token, ttl: 1_000 })
    await entries.fill('{t}f', format, token, 'a', write)
    await Promise.all([
      entries.invalidate(['{t}a', '{t}b']),
      entries.invalidate(['{t}b', '{t}c/"é']),
    ])
    await entries.beginWrite(['{t}w'], token, 1_000)
    await entries.commitWrite('{t}w', token)
    await entries.expire(['{t}e'], 0)
    await entries.put('{t}p', format, 'p', write)
    await vi.waitFor(
      () =>
        expect(received).toEqual([
          { v: 1, from: 'me', nth: 1, keys: ['{t}a', '{t}b', '{t}c/"é'] },
          ...[
            ['{t}w', 3],
            ['{t}w', 4],
            ['{t}e', 5],
            ['{t}p', 6],
          ].map(([key, sequence]) => ({ v: 1, from: 'me', nth: sequence, keys: [key] })),
        ]),
      5_000,
    )
    await subscription.close()
  })

  it('each sender has its own messages, and a long message is split', async () => {
    const [mine, yours] = [
      recordingNearCache({ channel: 'changes', from: 'me' }),
      recordingNearCache({ channel: 'changes', from: 'you' }),
    ]
    const received: { keys: string[]; from: string }[] = []
    let longest = 0
    const subscription = await client.driver.subscribe(['changes'], {
      message: (_, text) => {
        received.push(JSON.parse(text))
        longest = Math.max(longest, text.length)
      },
      gap: () => undefined,
      live: () => undefined,
    })
    const keys = Array.from({ length: 40 }, (_, i) => `{t}${i}:${'x'.repeat(4_000)}`)
    await Promise.all([mine.entries.invalidate(keys), yours.entries.invalidate(['{t}y'])])
    await vi.waitFor(
      () =>
        expect(
          received.filter(({ from }) => from === 'me').flatMap((message) => message.keys),
        ).toEqual(keys),
      5_000,
    )
    expect(received.filter(({ from }) => from === 'you')).toMatchObject([{ keys: ['{t}y'] }])
    expect(longest).toBeLessThan(70_000)
    await subscription.close()
  })

  it('a message is appended to an existing log, and contains its position there', async () => {
    if (bench().topology !== 'standalone') return
    const { entries } = recordingNearCache({ channel: 'changes', from: 'me', log: 'log' })
    await entries.invalidate(['a'])
    expect(await client.send({ args: ['EXISTS', 'log'], keys: ['log'] })).toBe(0)
    await client.send({ args: ['XADD', 'log', '*', 'opened', '1'], keys: ['log'] })
    const received: { at: string }[] = []
    const subscription = await client.driver.subscribe(['changes'], {
      message: (_, text) => received.push(JSON.parse(text)),
      gap: () => undefined,
      live: () => undefined,
    })
    await entries.invalidate(['a', 'b'])
    await vi.waitFor(() => expect(received).toHaveLength(1), 5_000)
    const [last] = (await client.send({
      args: ['XREVRANGE', 'log', '+', '-', 'COUNT', '1'],
      keys: ['log'],
    })) as [[string, [string, string]]]
    expect(last[0]).toBe(received[0]!.at)
    expect(JSON.parse(last[1][1])).toEqual({ v: 1, from: 'me', nth: 2, keys: ['a', 'b'] })
    await subscription.close()
  })

  it('`after` of a script runs once, after the last of its calls', async () => {
    const script = defineScript({
      name: 'collect',
      functions: 'local all = 0',
      lua: 'all = all + ARGV[1]\nreturn 1',
      after: "redis.call('RPUSH', 'collected', all)",
      parse: Number,
    })
    const slot = bench().topology === 'cluster' ? '{collected}' : ''
    await Promise.all([1, 2, 3].map((n) => client.run(script, [`${slot}x`], [String(n)])))
    expect(
      await client.send({ args: ['LRANGE', 'collected', '0', '-1'], keys: ['collected'] }),
    ).toEqual(['6'])
  })
})

function describeValue({ entry, bytes, life }: NearValue): string {
  const isWithinTtl = life > 0 && life <= 60_000
  return `${JSON.stringify(entry.value)}, ${bytes} bytes, ${isWithinTtl ? 'with a life' : life}`
}
