import assert from 'node:assert/strict'
import type { Driver } from '../drivers/driver.js'
import type { Command, Reply } from '../drivers/command.js'
import { CacheError, CommandTimeoutError, ConnectionError, ServerError } from '../errors.js'
import { companion, slot } from '../client/keys.js'
import { createToken } from '../util/token.js'

/**
 * The functions of a test runner that `runDriverTests` needs. vitest, node:test, jest and mocha
 * have them.
 */
export interface Runner {
  describe(name: string, body: () => void): unknown
  it(name: string, test: () => Promise<void>): unknown
}

/** The options of `runDriverTests`. */
export interface DriverTestsOptions {
  /**
   * `false` if the client cannot open another connection. `dedicate` must then reject with the code
   * `UNSUPPORTED`.
   */
  readonly dedicates?: boolean
}

/**
 * Defines the conformance suite for drivers. If it passes, every pattern works on the driver. It
 * needs a separate Redis, to which it writes.
 *
 * @example
 * import { describe, it } from 'vitest'
 * runDriverTests(async () => myDriver(await connect(process.env.REDIS_URL)), { describe, it })
 */
export function runDriverTests(
  makeDriver: () => Driver | Promise<Driver>,
  { describe, it }: Runner,
  { dedicates = true }: DriverTestsOptions = {},
): void {
  const runToken = createToken()
  let testNumber = 0
  const check = (
    name: string,
    test: (driver: Driver, key: (name: string) => string) => Promise<void>,
  ): unknown =>
    it(name, async () => {
      const driver = await makeDriver()
      const testPrefix = `driver-tests:${runToken}:${++testNumber}`
      try {
        await test(driver, (name) => `{${testPrefix}}:${name}`)
      } finally {
        await driver.close()
      }
    })

  describe('replies', () => {
    check('arrive in the order of the commands, however many there are', async (driver, key) => {
      const commands = Array.from({ length: 10_000 }, (_, i) => command('ECHO', String(i)))
      const replies = await Promise.all(driver.send(commands, { timeout: 20_000 }))
      assert.deepEqual(
        replies,
        commands.map((_, i) => String(i)),
      )
      assert.deepEqual(driver.send([]), [])
      assert.deepEqual(
        await Promise.all(
          driver.send([
            on(key('a'), 'SET', key('a'), '1'),
            on(key('a'), 'INCR', key('a')),
            on(key('a'), 'GET', key('a')),
          ]),
        ),
        ['OK', 2, '2'],
      )
    })

    check(
      'settle separately: an error stands in its place and affects no other',
      async (driver, key) => {
        const [set, wrong, get, unknown] = await Promise.all(
          driver.send([
            on(key('s'), 'SET', key('s'), 'x'),
            on(key('s'), 'RPUSH', key('s'), 'y'),
            on(key('s'), 'GET', key('s')),
            command('NOSUCHCOMMAND'),
          ]),
        )
        assert.equal(set, 'OK')
        assert.ok(wrong instanceof ServerError)
        assert.equal(wrong.code, 'WRONGTYPE')
        assert.equal(wrong.key, key('s'))
        assert.equal(wrong.command, 'RPUSH')
        assert.equal(get, 'x')
        assert.ok(unknown instanceof ServerError)
        assert.equal(unknown.code, 'ERR')
      },
    )

    check('have the shapes of RESP2', async (driver, key) => {
      const sendTo = async (k: string, ...args: [string, ...string[]]): Promise<Reply> => {
        const reply = await driver.send([on(k, ...args)])[0]!
        if (reply instanceof CacheError) throw reply
        return reply
      }
      const [hash, sorted, set, stream] = [key('h'), key('z'), key('m'), key('x')]
      await sendTo(hash, 'HSET', hash, 'a', '1', 'b', '2')
      assert.deepEqual(await sendTo(hash, 'HGETALL', hash), ['a', '1', 'b', '2'])
      await sendTo(sorted, 'ZADD', sorted, '1.5', 'one', '+inf', 'all', '3', 'three')
      assert.deepEqual(await sendTo(sorted, 'ZRANGE', sorted, '0', '-1', 'WITHSCORES'), [
        'one',
        '1.5',
        'three',
        '3',
        'all',
        'inf',
      ])
      assert.equal(await sendTo(sorted, 'ZSCORE', sorted, 'one'), '1.5')
      assert.equal(await sendTo(sorted, 'ZSCORE', sorted, 'three'), '3')
      assert.equal(await sendTo(sorted, 'ZSCORE', sorted, 'none'), null)
      await sendTo(set, 'SADD', set, 'x')
      assert.deepEqual(await sendTo(set, 'SMEMBERS', set), ['x'])
      assert.equal(await sendTo(set, 'SISMEMBER', set, 'x'), 1)
      const id = await sendTo(stream, 'XADD', stream, '*', 'f', 'v')
      assert.deepEqual(await sendTo(stream, 'XREAD', 'STREAMS', stream, '0'), [
        [stream, [[id, ['f', 'v']]]],
      ])
      assert.deepEqual(
        await sendTo(hash, 'EVAL', "return {1, 'two', false, {3, {'four'}}, true}", '1', hash),
        [1, 'two', null, [3, ['four']], 1],
      )
      assert.equal(await sendTo(hash, 'GET', key('nothing')), null)
      assert.deepEqual(
        await sendTo(hash, 'CONFIG', 'GET', 'maxmemory-samples').catch(() => [
          'maxmemory-samples',
          '5',
        ]),
        ['maxmemory-samples', '5'],
      )
    })

    check('keep errors inside arrays in their place', async (driver, key) => {
      const reply = await driver.send([
        on(key('e'), 'EVAL', "return {1, {err='MINE own'}, 3}", '1', key('e')),
      ])[0]!
      const [one, error, three] = reply as readonly unknown[]
      assert.equal(one, 1)
      assert.ok(error instanceof ServerError)
      assert.equal(error.code, 'MINE')
      assert.equal(three, 3)
    })

    check('return every byte unchanged', async (driver, key) => {
      const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const large = Buffer.alloc(1_000_000, allBytes)
      const text = 'a\0b\r\nc 😀 é'
      const k = key('b')
      const replies = await Promise.all(
        driver.send(
          [
            on(k, 'SET', k, allBytes),
            { ...on(k, 'GET', k), binary: true },
            on(k, 'SET', k, large),
            { ...on(k, 'GET', k), binary: true },
            on(k, 'SET', k, text),
            on(k, 'GET', k),
            { ...on(k, 'MGET', k, key('none')), binary: true },
          ],
          { timeout: 10_000 },
        ),
      )
      assert.deepEqual(replies[1], allBytes)
      assert.deepEqual(replies[3], large)
      assert.equal(replies[5], text)
      assert.deepEqual(replies[6], [Buffer.from(text), null])
    })

    check('arrive for keys with any name', async (driver) => {
      for (const name of [
        '*',
        '{}',
        '}{',
        '{a}b',
        ' ',
        '😀',
        '__proto__',
        'constructor',
        'x'.repeat(5_000),
        '\0',
        'a\r\nb',
        'undefined',
      ]) {
        const k = `driver-tests:${name}`
        assert.deepEqual(
          await Promise.all(driver.send([on(k, 'SET', k, name, 'PX', '10000'), on(k, 'GET', k)])),
          ['OK', name],
          JSON.stringify(name),
        )
      }
    })
  })

  describe('keys', () => {
    check('of one group can be used in one command, and keep their order', async (driver, key) => {
      const keys = Array.from({ length: 300 }, (_, i) => `driver-tests:group:${i}`)
      const groups = driver.group(keys)
      assert.deepEqual([...groups.flat()].sort(), [...keys].sort())
      for (const group of groups)
        assert.deepEqual(
          [...group],
          keys.filter((k) => group.includes(k)),
        )
      const replies = await Promise.all(
        driver.send(groups.map((group) => ({ args: ['MGET', ...group], keys: group }))),
      )
      for (const [i, reply] of replies.entries())
        assert.deepEqual(
          reply,
          groups[i]!.map(() => null),
        )
      assert.equal(driver.group([key('a'), companion(key('a'), 'lease'), key('b')]).length, 1)
      assert.equal(
        driver.group(['k', companion('k', 'lease'), companion('k', 'intents')]).length,
        1,
      )
      assert.equal(slot('k'), slot(companion('k', 'lease')))
      assert.deepEqual(driver.group([]), [])
    })

    check('route commands that do not contain their key to its node', async (driver, key) => {
      for (let i = 0; i < 10; i++) {
        const k = key(`node:${i}`)
        const [, info] = await Promise.all(
          driver.send([on(k, 'SET', k, ''), on(k, 'INFO', 'server')]),
        )
        const port = /tcp_port:(\d+)/.exec(String(info))?.[1]
        assert.ok(port, `INFO answered ${String(info).slice(0, 100)}`)
        for (const node of await driver.nodes())
          if (node.id.endsWith(`:${port}`))
            assert.deepEqual(await Promise.all(node.send([on(k, 'EXISTS', k)])), [1])
      }
    })
  })

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

  describe('nodes', () => {
    check('are the primaries, and each of them answers', async (driver) => {
      const nodes = await driver.nodes()
      assert.ok(nodes.length >= 1)
      assert.equal(new Set(nodes.map(({ id }) => id)).size, nodes.length)
      for (const node of nodes)
        assert.deepEqual(await Promise.all(node.send([command('PING')])), ['PONG'])
      if (driver.topology === 'cluster') assert.ok(nodes.length > 1)
    })
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

function command(...args: [string, ...string[]]): Command {
  return { args, keys: [] }
}

function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error('the condition did not become true within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
