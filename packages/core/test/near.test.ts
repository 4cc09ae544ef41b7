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

  /** Notes what it is told, and offers what it is given. */
  function recording(announcement?: Omit<Announcement, 'nth'>) {
    const told: string[] = []
    const offers = new Map<string, Entry<unknown>>()
    let nth = 0
    const note = (what: string, key: string, value?: NearValue) =>
      told.push(
        `${what} ${key}${value ? ` = ${JSON.stringify(value.entry.value)}, ${value.bytes} bytes, ${value.life > 0 && value.life <= 60_000 ? 'its life' : value.life}` : ''}`,
      )
    const near: NearEntries = {
      get: <T>(key: string) => offers.get(key) as Entry<T> | undefined,
      ask: (key) => ({ answered: (value) => note('answered', key, value) }),
      change: (keys) => ({
        announcement: announcement && { ...announcement, nth: ++nth },
        acknowledged: (value) => note('changed', keys.join(), value),
        failed: () => note('failed', keys.join()),
      }),
    }
    return { entries: client.entries.withNear(near), told, offers }
  }

  it('what is read, filled and written is told, with its life and size; what was changed, once it is acknowledged', async () => {
    const { entries, told } = recording()
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
    const a = 'k = "a", 3 bytes, its life'
    expect(told).toEqual([
      'answered k',
      'answered k',
      `answered ${a}`,
      `answered ${a}`,
      'answered none',
      `answered ${a}`,
      `answered ${a}`,
      'changed k = "bb", 4 bytes, its life',
      'changed k',
      'changed k = "c", 3 bytes, its life',
      'changed k',
      'changed k',
      'changed k',
      'changed k,l',
    ])
  })

  it('what it offers is answered, and nothing is asked', async () => {
    const { entries, told, offers } = recording()
    const entry = { value: 'near', absent: false, version: undefined, computeTime: undefined }
    offers.set('k', entry)
    expect(await entries.read('k', format)).toBe(entry)
    expect(await entries.readWithLife('k', format)).toBe(entry)
    expect(await entries.readMany(['k', 'other'], format)).toEqual([entry, undefined])
    expect(told).toEqual(['answered other'])
  })

  it('a change that fails is told as such', async () => {
    const { entries, told } = recording()
    await client.close()
    await expect(entries.invalidate(['k'])).rejects.toThrow()
    await expect(entries.put('k', format, 'a', write)).rejects.toThrow()
    expect(await entries.read('k', format).catch(() => 'rejected')).toBe('rejected')
    expect(told).toEqual(['failed k', 'failed k', 'answered k'])
  })

  it('a change is published by the script that makes it: of one tick as one message, without doubles; fills are not', async () => {
    const { entries } = recording({ channel: 'changes', from: 'me' })
    const heard: { keys: string[]; nth: number; from: string; v: number }[] = []
    const subscription = await client.driver.subscribe(['changes'], {
      message: (_, text) => heard.push(JSON.parse(text)),
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
        expect(heard).toEqual([
          { v: 1, from: 'me', nth: 1, keys: ['{t}a', '{t}b', '{t}c/"é'] },
          ...[
            ['{t}w', 3],
            ['{t}w', 4],
            ['{t}e', 5],
            ['{t}p', 6],
          ].map(([key, nth]) => ({ v: 1, from: 'me', nth, keys: [key] })),
        ]),
      5_000,
    )
    await subscription.close()
  })

  it('two who announce are heard as two, and a message that would be too long is cut in several', async () => {
    const [mine, yours] = [
      recording({ channel: 'changes', from: 'me' }),
      recording({ channel: 'changes', from: 'you' }),
    ]
    const heard: { keys: string[]; from: string }[] = []
    let longest = 0
    const subscription = await client.driver.subscribe(['changes'], {
      message: (_, text) => {
        heard.push(JSON.parse(text))
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
          heard.filter(({ from }) => from === 'me').flatMap((message) => message.keys),
        ).toEqual(keys),
      5_000,
    )
    expect(heard.filter(({ from }) => from === 'you')).toMatchObject([{ keys: ['{t}y'] }])
    expect(longest).toBeLessThan(70_000)
    await subscription.close()
  })

  it('with a log, the message has its place there; nobody makes the log by announcing', async () => {
    if (bench().topology !== 'standalone') return
    const { entries } = recording({ channel: 'changes', from: 'me', log: 'log' })
    await entries.invalidate(['a'])
    expect(await client.send({ args: ['EXISTS', 'log'], keys: ['log'] })).toBe(0)
    await client.send({ args: ['XADD', 'log', '*', 'opened', '1'], keys: ['log'] })
    const heard: { at: string }[] = []
    const subscription = await client.driver.subscribe(['changes'], {
      message: (_, text) => heard.push(JSON.parse(text)),
      gap: () => undefined,
      live: () => undefined,
    })
    await entries.invalidate(['a', 'b'])
    await vi.waitFor(() => expect(heard).toHaveLength(1), 5_000)
    const [last] = (await client.send({
      args: ['XREVRANGE', 'log', '+', '-', 'COUNT', '1'],
      keys: ['log'],
    })) as [[string, [string, string]]]
    expect(last[0]).toBe(heard[0]!.at)
    expect(JSON.parse(last[1][1])).toEqual({ v: 1, from: 'me', nth: 2, keys: ['a', 'b'] })
    await subscription.close()
  })

  it('"after" of a script runs once, behind the last of its calls', async () => {
    const script = defineScript({
      name: 'gather',
      functions: 'local all = 0',
      lua: 'all = all + ARGV[1]\nreturn 1',
      after: "redis.call('RPUSH', 'gathered', all)",
      parse: Number,
    })
    const slot = bench().topology === 'cluster' ? '{gathered}' : ''
    await Promise.all([1, 2, 3].map((n) => client.run(script, [`${slot}x`], [String(n)])))
    expect(
      await client.send({ args: ['LRANGE', 'gathered', '0', '-1'], keys: ['gathered'] }),
    ).toEqual(['6'])
  })
})
