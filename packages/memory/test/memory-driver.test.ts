import { CommandTimeoutError, ConnectionError, ServerError, type CacheError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { MemoryServer, memoryDriver, type MemoryDriver } from '../src/index.js'

const ask = async (driver: MemoryDriver, ...args: [string, ...string[]]) =>
  (
    await Promise.all(
      driver.send([{ args, keys: args[1] === undefined ? [] : [args[1]] }], { timeout: 200 }),
    )
  )[0]

describe('memoryDriver', () => {
  it('refuses options that it does not know, and durations that are none', () => {
    expect(() => memoryDriver({ timeout: 'soon' as never })).toThrow('timeout')
    expect(() => memoryDriver({ serve: 1 } as never)).toThrow('serve')
    expect(() => memoryDriver({ server: {} as never })).toThrow('server')
  })

  it('shares data among the drivers of one server, and with no other', async () => {
    const server = new MemoryServer()
    const [a, b, c] = [memoryDriver({ server }), memoryDriver({ server }), memoryDriver()]
    await ask(a, 'SET', 'k', 'v')
    expect(await ask(b, 'GET', 'k')).toBe('v')
    expect(await ask(c, 'GET', 'k')).toBeNull()
  })

  it('ends keys by its clock, which tests can set', async () => {
    const driver = memoryDriver()
    await ask(driver, 'SET', 'k', 'v', 'PX', '60000')
    driver.setClock(59_000)
    expect(await ask(driver, 'GET', 'k')).toBe('v')
    driver.setClock(61_000)
    expect(await ask(driver, 'GET', 'k')).toBeNull()
  })

  describe('faults', () => {
    it('silent: commands time out, and later ones work again', async () => {
      const driver = memoryDriver()
      driver.faults.silent = true
      expect(await ask(driver, 'SET', 'k', 'v')).toBeInstanceOf(CommandTimeoutError)
      driver.faults.silent = false
      expect(await ask(driver, 'GET', 'k')).toBeNull()
    })

    it('refused: commands fail at once', async () => {
      const driver = memoryDriver()
      driver.faults.refused = true
      expect(await ask(driver, 'SET', 'k', 'v')).toBeInstanceOf(ConnectionError)
    })

    it('slow: replies are late', async () => {
      const driver = memoryDriver()
      driver.faults.slow = 30
      const started = performance.now()
      expect(await ask(driver, 'SET', 'k', 'v')).toBe('OK')
      expect(performance.now() - started).toBeGreaterThanOrEqual(29)
    })

    it('out of memory: what needs memory is refused, reads and deletions are not', async () => {
      const driver = memoryDriver()
      await ask(driver, 'SET', 'k', 'v')
      driver.faults.outOfMemory = true
      const refused = (await ask(driver, 'SET', 'k', 'w')) as CacheError
      expect(refused).toBeInstanceOf(ServerError)
      expect(refused.code).toBe('OOM')
      expect(await ask(driver, 'GET', 'k')).toBe('v')
      expect(await ask(driver, 'DEL', 'k')).toBe(1)
    })
  })

  it('lets timers run between commands, as a server does', async () => {
    const driver = memoryDriver()
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    while (ticks < 3) await ask(driver, 'PING')
    clearInterval(timer)
  })

  it('waits for a reply for longer than any timer of Node.js, if it may', async () => {
    const server = new MemoryServer()
    server.faults.slow = 50
    const driver = memoryDriver({ server, timeout: '60d' })
    const [reply] = driver.send([{ args: ['SET', 'k', 'v'], keys: ['k'] }], {})
    expect(await reply).toBe('OK')
  })

  it('runs a command that was sent before a turn longer than its timeout', async () => {
    const driver = memoryDriver()
    const reply = ask(driver, 'SET', 'k', 'v')
    const started = performance.now()
    while (performance.now() - started < 250);
    expect(await reply).toBe('OK')
  })

  it('lets no key expire while a script runs', async () => {
    const driver = memoryDriver()
    const script = `
      local began = redis.call('TIME')
      redis.call('SET', KEYS[1], 'v', 'PX', 1)
      for i = 1, 3000 do redis.sha1hex(i) end
      local ended = redis.call('TIME')
      return { redis.call('GET', KEYS[1]), ended[2] - began[2] }`
    const command = { args: ['EVAL', script, '1', 'k'] as const, keys: ['k'] }
    const reply = await driver.send([command], { timeout: 60_000 })[0]
    expect(reply).toEqual(['v', 0])
    await expect.poll(() => ask(driver, 'GET', 'k')).toBeNull()
  })

  it('a scan finds all keys that stay, while others are deleted and created', async () => {
    const driver = memoryDriver()
    for (let i = 0; i < 100; i++) await ask(driver, 'SET', `k${i}`, 'v')
    const found = new Set<string>()
    let cursor = '0'
    do {
      const [next, keys] = (await ask(driver, 'SCAN', cursor, 'COUNT', '10')) as [string, string[]]
      cursor = next
      for (const key of keys) {
        found.add(key)
        await ask(driver, 'DEL', key)
        await ask(driver, 'SET', `0${key}`, 'v')
      }
      if (found.size > 1_000) break
    } while (cursor !== '0' && found.size < 100)
    expect([...found].filter((key) => key.startsWith('k'))).toHaveLength(100)
  })

  it('keeps no process alive', async () => {
    const { execFile } = await import('node:child_process')
    const { promisify } = await import('node:util')
    const script = `
      import { memoryDriver } from '@cache/memory'
      const driver = memoryDriver()
      await Promise.all(driver.send([{ args: ['PING'], keys: [] }]))
      const events = { message() {}, gap() {}, live() {}, alive() {} }
      await driver.subscribe(['c'], events, { heartbeat: 1000 })
      console.log('done')
    `
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', script],
      { cwd: import.meta.dirname, timeout: 20_000 },
    )
    expect(stdout).toBe('done\n')
  })
})
