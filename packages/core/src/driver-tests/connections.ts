import assert from 'node:assert/strict'
import { CacheError, CommandTimeoutError, ConnectionError } from '../errors.js'
import { command, on, until } from './commands.js'
import type { TestDefinition } from './runner.js'

export function defineConnectionTests(
  { describe, check }: TestDefinition,
  dedicates: boolean,
): void {
  describe('deadlines', () => {
    check(
      'reject commands without a reply, and let the next command through',
      async (driver, key) => {
        const k = key('slow')
        await Promise.all(driver.send([on(k, 'ECHO', 'connected')], { timeout: 20_000 }))
        const spin = on(k, 'EVAL', 'local n = 0 for i = 1, 3e7 do n = n + i end return n', '1', k)
        const [timedOut] = await Promise.all(driver.send([spin], { timeout: 5 }))
        assert.ok(timedOut instanceof CommandTimeoutError)
        assert.equal(timedOut.command, 'EVAL')
        assert.deepEqual(
          await Promise.all(driver.send([on(k, 'ECHO', 'on')], { timeout: 20_000 })),
          ['on'],
        )
      },
    )
  })

  describe('separate connections', () => {
    if (!dedicates) {
      check('are refused with a clear error', async (driver) => {
        assert.equal(driver.dedicates, false)
        await assert.rejects(
          driver.dedicate(),
          (error) => error instanceof CacheError && error.code === 'UNSUPPORTED',
        )
      })
    } else
      check('block without delaying other commands', async (driver, key) => {
        const k = key('list')
        const connection = await driver.dedicate()
        const popped = Promise.all(connection.send([on(k, 'BLPOP', k, '10')]))
        const started = performance.now()
        assert.deepEqual(await Promise.all(driver.send([on(k, 'ECHO', 'x')])), ['x'])
        assert.ok(performance.now() - started < 5_000)
        await Promise.all(driver.send([on(k, 'RPUSH', k, 'item')]))
        assert.deepEqual(await popped, [[k, 'item']])
        await connection.close()
        assert.ok(
          (await Promise.all(connection.send([on(k, 'ECHO', 'x')])))[0] instanceof ConnectionError,
        )
      })

    check('receive messages, and report a gap and its end', async (driver, key) => {
      const channel = key('channel')
      const events: string[] = []
      const subscription = await driver.subscribe([channel], {
        message: (on, payload) => events.push(`${on} ${payload}`),
        gap: () => events.push('gap'),
        live: () => events.push('live'),
      })
      const publish = (payload: string) =>
        Promise.all(driver.send([on(channel, 'PUBLISH', channel, payload)]))
      await publish('one 😀')
      await until(() => events.length === 1)
      for (const node of await driver.nodes())
        await Promise.all(node.send([command('CLIENT', 'KILL', 'TYPE', 'pubsub')]))
      // The new connection may be closed by the next kill. There is another gap then.
      for (let i = 0; !events.includes(`${channel} two`) && i < 500; i++) {
        await publish('two')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      assert.equal(events[0], `${channel} one 😀`)
      assert.equal(events[1], 'gap')
      // The shard of the message may be subscribed again before all shards are.
      if (driver.topology !== 'sharded')
        assert.equal(events[events.indexOf(`${channel} two`) - 1], 'live')
      await until(() => events.includes('live'))
      await subscription.close()
      const before = events.length
      await publish('three')
      await Promise.all(driver.send([on(channel, 'ECHO', 'x')]))
      assert.equal(events.length, before)
    })
  })

  describe('a heartbeat', () => {
    check(
      'is reported before the subscription is live, and repeatedly after that',
      async (driver, key) => {
        const alive: number[] = []
        const before = performance.now()
        const subscription = await driver.subscribe(
          [key('channel')],
          {
            message: () => undefined,
            gap: () => undefined,
            live: () => undefined,
            alive: (since) => alive.push(since),
          },
          { heartbeat: 500, everyPrimary: true },
        )
        assert.ok(alive.length > 0 && alive.at(-1)! >= before)
        const after = performance.now()
        await until(() => alive.at(-1)! > after)
        assert.ok(alive.every((since) => since <= performance.now()))
        await subscription.close()
      },
    )
  })

  describe('closing', () => {
    check('rejects commands under way and later ones, and can be repeated', async (driver, key) => {
      await Promise.all(driver.send([on(key('none'), 'ECHO', 'connected')], { timeout: 20_000 }))
      const blocked = Promise.all(
        driver.send([on(key('none'), 'BLPOP', key('none'), '30')], {
          timeout: 60_000,
        }),
      )
      await driver.close()
      await driver.close()
      assert.ok((await blocked)[0] instanceof ConnectionError)
      const [after] = await Promise.all(driver.send([command('PING')]))
      assert.ok(after instanceof ConnectionError)
      assert.match(after.message, /closed/)
    })
  })
}
