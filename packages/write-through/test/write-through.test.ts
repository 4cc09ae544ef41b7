import { CacheError, type CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CacheUnavailableError, WriteManyError, createWriteThrough } from '../src/index.js'
import { cases, type User } from './cases.js'

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let client: CacheClient
  const rows = new Map<number, User>()
  let loads = 0
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    client = stage.driver()
    loads = 0
    rows.clear()
    for (const id of [1, 2, 3]) rows.set(id, { id, name: `user ${id}`, age: 30, version: 1 })
  })
  afterEach(() => client.close())

  const load = async (id: number): Promise<User | null> => {
    loads++
    return rows.get(id) ?? null
  }
  const change = (id: number, patch: Partial<User>): User | null => {
    const row = rows.get(id)
    if (!row) return null
    const changed = { ...row, ...patch, version: row.version + 1 }
    rows.set(id, changed)
    return changed
  }
  const returning = () =>
    createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async (id: number, patch: Partial<User>) => change(id, patch),
      remove: (id) => rows.delete(id),
    })
  const silent = (more: { version?: (user: User) => number } = {}) =>
    createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async (id: number, patch: Partial<User>) => void change(id, patch),
      merge: (current, patch) => ({ ...current, ...patch }),
      ...more,
    })

  it('a refresh loads a row that was changed elsewhere', async () => {
    const users = returning()
    expect(await users.get(1)).toMatchObject({ age: 30 })
    change(1, { age: 31 })
    expect(await users.get(1)).toMatchObject({ age: 30 })
    expect(await users.refresh(1)).toMatchObject({ age: 31 })
    expect(await users.has(1)).toBe(true)
    expect(await users.has(2)).toBe(false)
    expect(await users.get(1)).toMatchObject({ age: 31 })
    expect(loads).toBe(2)
  })

  it("with the ttl 'never', written and loaded rows do not expire", async () => {
    const ask = (...args: [string, ...string[]]) =>
      client.send({ args, keys: [args[1]!] }) as Promise<number>
    const users = createWriteThrough({
      client,
      prefix: 'user',
      ttl: 'never',
      load,
      store: async (id: number, patch: Partial<User>) => {
        await storing?.()
        return change(id, patch)
      },
      version: ({ version }: User) => version,
    })
    let storing: (() => Promise<unknown>) | undefined
    await users.get(1)
    expect(await ask('PTTL', 'test:user:1')).toBe(-1)
    await users.update(2, { name: 'Ada' })
    expect(await ask('PTTL', 'test:user:2')).toBe(-1)
    // What is stored while another writer is under way lives no longer than that writer's intent.
    let release!: () => void
    const held = new Promise<void>((resolve) => (release = resolve))
    storing = () => ((storing = undefined), held)
    const slow = users.update(1, { age: 31 })
    await users.update(1, { age: 32 })
    expect(await ask('PTTL', 'test:user:1')).toBeLessThanOrEqual(5_000)
    release()
    await slow
    expect(await users.get(1)).toMatchObject({ age: 31 })
    expect(await ask('PTTL', 'test:user:1')).toBe(-1)
  })

  it('a write is in the source and in the cache once it is acknowledged', async () => {
    const users = returning()
    expect(await users.get(1)).toMatchObject({ name: 'user 1' })
    const updated: User | null = await users.update(1, { name: 'Ada' })
    expect(updated).toMatchObject({ name: 'Ada', version: 2 })
    expect(await users.peek(1)).toEqual(rows.get(1))
    expect(await users.get(1)).toEqual(rows.get(1))
    expect(loads).toBe(1)
  })

  it('a write caches a row that was not cached before', async () => {
    const users = returning()
    await users.update(2, { age: 31 })
    expect(await users.get(2)).toMatchObject({ age: 31 })
    expect(loads).toBe(0)
  })

  it('put stores a whole row, new or not', async () => {
    const put: User = { id: 9, name: 'new', age: 1, version: 1 }
    const users = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async (id: number, row: Partial<User>) => void rows.set(id, row as User),
    })
    expect(await users.put(9, put)).toEqual(put)
    expect(await users.peek(9)).toEqual(put)
    expect(rows.get(9)).toEqual(put)
  })

  it('delete removes the row and the entry', async () => {
    const users = returning()
    await users.get(1)
    expect(await users.delete(1)).toBe(true)
    expect(await users.peek(1)).toBeUndefined()
    expect(await users.get(1)).toBeNull()
    await expect(silent().delete(2)).rejects.toThrow('"remove"')
  })

  it('an update of a row that does not exist resolves to null, and drops the entry', async () => {
    const users = returning()
    await users.get(3)
    rows.delete(3)
    expect(await users.update(3, { age: 5 })).toBeNull()
    expect(await users.peek(3)).toBeUndefined()
  })

  it('without an answer of store, the cached row is merged or dropped', async () => {
    const users = silent()
    await users.get(1)
    expect(await users.update(1, { age: 77 })).toMatchObject({ name: 'user 1', age: 77 })
    expect(await users.peek(1)).toMatchObject({ name: 'user 1', age: 77 })
    expect(await users.update(2, { age: 78 })).toBeUndefined()
    expect(await users.peek(2)).toBeUndefined()
    expect(await users.get(2)).toMatchObject({ age: 78 })
  })

  it.each([false, true])(
    'overlapping merges are dropped, because neither saw the other patch (versions: %j)',
    async (versioned) => {
      const gates: (() => void)[] = []
      const slow = createWriteThrough({
        client,
        prefix: 'user',
        ttl: '1h',
        load,
        merge: (current: User, patch: Partial<User>) => ({ ...current, ...patch }),
        ...(versioned && { version: (user: User) => user.version }),
        store: async (id: number, patch: Partial<User>) => {
          change(id, patch)
          await new Promise<void>((go) => gates.push(go))
        },
      })
      await slow.get(1)
      const both = [slow.update(1, { age: 50 }), slow.update(1, { name: 'Bea' })]
      await expect.poll(() => gates.length).toBe(2)
      gates.forEach((go) => go())
      await Promise.all(both)
      expect(await slow.get(1)).toMatchObject({ age: 50, name: 'Bea' })
    },
  )

  it('of overlapping writers with versions, the newer row is cached in any order', async () => {
    const gates = new Map<string, () => void>()
    const users = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      version: (user: User) => user.version,
      store: async (id: number, patch: Partial<User>) => {
        const row = change(id, patch)!
        await new Promise<void>((go) => gates.set(row.name, go))
        return row
      },
    })
    await users.get(1)
    const first = users.update(1, { name: 'first' })
    await expect.poll(() => gates.has('first')).toBe(true)
    const second = users.update(1, { name: 'second' })
    await expect.poll(() => gates.has('second')).toBe(true)
    gates.get('second')!()
    await second
    gates.get('first')!()
    expect(await first).toMatchObject({ name: 'first' })
    expect(await users.peek(1)).toMatchObject({ name: 'second' })
  })

  it('when store throws, the caller gets its error and the next read loads', async () => {
    const users = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async () => {
        throw new TypeError('the database said no')
      },
    })
    await users.get(1)
    await expect(users.update(1, {})).rejects.toThrow(TypeError)
    expect(await users.peek(1)).toBeUndefined()
    expect(await users.get(1)).toEqual(rows.get(1))
  })

  it('a reader that loaded the old row can’t store it after the write', async () => {
    let release!: () => void
    const held = new Promise<void>((go) => {
      release = go
    })
    let reading = false
    const slow = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      store: async (id: number, patch: Partial<User>) => change(id, patch),
      load: async (id: number) => {
        const row = rows.get(id)!
        reading = true
        await held
        return row
      },
    })
    const old = slow.get(1)
    await expect.poll(() => reading).toBe(true)
    await slow.update(1, { name: 'new' })
    release()
    await old
    expect(await slow.peek(1)).toMatchObject({ name: 'new' })
  })

  it('updateMany does the writes of one id in order, and reports failures', async () => {
    const users = returning()
    expect(
      await users.updateMany([
        [1, { age: 1 }],
        [2, { age: 2 }],
        [1, { name: 'twice' }],
      ]),
    ).toMatchObject([{ age: 1 }, { age: 2 }, { age: 1, name: 'twice' }])
    expect(await users.peek(1)).toMatchObject({ age: 1, name: 'twice' })
    expect(await users.updateMany([])).toEqual([])
    const some = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async (id: number, patch: Partial<User>) => {
        if (id === 2) throw new Error('not 2')
        return change(id, patch)!
      },
    })
    const error = (await some
      .updateMany([
        [1, { age: 5 }],
        [2, { age: 5 }],
      ])
      .catch((caught: unknown) => caught)) as WriteManyError<User>
    expect(error).toBeInstanceOf(WriteManyError)
    // The message of a store may quote the row. It is the cause, and is not quoted.
    expect(error.message).toBe(
      '1 of 2 writes failed; "results" has the outcome of each. The first: Error.',
    )
    expect(error.cause).toMatchObject({ message: 'not 2' })
    expect(error.results).toMatchObject([
      { status: 'fulfilled', value: { age: 5 } },
      { status: 'rejected' },
    ])
    expect(await some.peek(1)).toMatchObject({ age: 5 })
    expect(await some.peek(2)).toBeUndefined()
  })

  it('storeMany is called once for different ids, and its answers are cached', async () => {
    const calls: number[][] = []
    const users = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async (id: number, patch: Partial<User>) => change(id, patch)!,
      storeMany: async (writes) => {
        calls.push(writes.map(([id]) => id))
        return writes.map(([id, patch]) => change(id, patch)!)
      },
    })
    await users.updateMany([
      [1, { age: 1 }],
      [2, { age: 2 }],
      [1, { age: 3 }],
    ])
    expect(calls).toEqual([[1, 2], [1]])
    expect([(await users.peek(1))?.age, (await users.peek(2))?.age]).toEqual([3, 2])
    const short = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async (id: number, patch: Partial<User>) => change(id, patch)!,
      storeMany: async () => [],
    })
    await expect(short.updateMany([[1, {}]])).rejects.toThrow('"storeMany"')
    expect(await short.peek(1)).toBeUndefined()
  })

  it('takes 2 round trips in addition to the store, also with merge', async () => {
    for (const users of [returning(), silent()]) {
      await users.get(1)
      const calls: string[] = []
      const { driver } = client
      const { send } = driver
      ;(driver as { send: typeof send }).send = (commands, how) => {
        calls.push(commands.map(({ args }) => args[0]).join(' '))
        return send.call(driver, commands, how)
      }
      await users.update(1, { age: 40 })
      ;(driver as { send: typeof send }).send = send
      expect(calls.length, calls.join('; ')).toBeLessThanOrEqual(2)
    }
  })

  it('a row that can’t be cached is written, and its entry is dropped', async () => {
    const users = createWriteThrough<User | null, number, Partial<User>, User>({
      client,
      prefix: 'user',
      ttl: '1h',
      maxValueBytes: 100,
      load,
      store: async (id, patch) => change(id, patch)!,
    })
    await users.get(1)
    const updated = await users.update(1, { name: 'x'.repeat(200) })
    expect(updated.name).toHaveLength(200)
    expect(await users.peek(1)).toBeUndefined()
    const hostile = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load,
      store: async () => {
        const cyclic: Record<string, unknown> = {}
        cyclic.self = cyclic
        return cyclic as unknown as User
      },
    })
    await hostile.update(1, {})
    expect(await hostile.peek(1)).toBeUndefined()
  })

  it('ids with similar texts are different ids', async () => {
    const store = new Map<string, { id: string }>()
    const things = createWriteThrough({
      client,
      prefix: 'thing',
      ttl: '1h',
      load: async (id: string) => store.get(id),
      store: async (id: string) => {
        store.set(id, { id })
        return { id }
      },
    })
    const ids = [
      '*',
      '{}',
      '}{',
      'a:b',
      'a',
      '__proto__',
      'constructor',
      '😀',
      'lease',
      'intents',
      '%',
    ]
    await things.updateMany(ids.map((id) => [id, {}] as const))
    expect(await things.getMany(ids)).toEqual(ids.map((id) => ({ id })))
    await expect(things.update('a\nb', {})).rejects.toBeInstanceOf(CacheError)
    expect(store.size).toBe(ids.length)
  })

  it('invalidate drops entries of rows that changed elsewhere', async () => {
    const users = returning()
    await users.getMany([1, 2, 3])
    rows.set(1, { ...rows.get(1)!, name: 'elsewhere' })
    expect(await users.invalidate([1, 2])).toBe(2)
    expect(await users.get(1)).toMatchObject({ name: 'elsewhere' })
  })

  it('a closed cache writes nothing', async () => {
    const users = returning()
    await users.close()
    await client.close()
    await expect(users.update(1, { name: 'late' })).rejects.toBeInstanceOf(CacheUnavailableError)
    expect(rows.get(1)!.name).toBe('user 1')
  })
})
