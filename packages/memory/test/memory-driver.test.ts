import { createAside } from '@cache/aside'
import {
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  createCacheClient,
  type CacheError,
} from '@cache/core'
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

  it('ages entries by its clock', async () => {
    const driver = memoryDriver()
    const cache = createAside<number>({ client: createCacheClient(driver), prefix: 'p', ttl: '1m' })
    let loads = 0
    const load = (): number => ++loads
    expect(await cache.getOrLoad(1, load)).toBe(1)
    driver.setClock(30_000)
    expect(await cache.getOrLoad(1, load)).toBe(1)
    driver.setClock(90_000)
    expect(await cache.getOrLoad(1, load)).toBe(2)
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

    it('a cache answers from its source while the server is silent', async () => {
      const driver = memoryDriver()
      const client = createCacheClient(driver, {
        resilience: { readTimeout: 50, writeTimeout: 50 },
      })
      const cache = createAside<string>({ client, prefix: 'p', ttl: '1m' })
      driver.faults.silent = true
      expect(await cache.getOrLoad(1, () => 'from the source')).toBe('from the source')
    })
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
