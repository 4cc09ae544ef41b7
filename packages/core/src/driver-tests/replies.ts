import assert from 'node:assert/strict'
import type { Reply } from '../drivers/command.js'
import { CacheError, ServerError } from '../errors.js'
import { command, on } from './commands.js'
import type { TestDefinition } from './runner.js'

export function defineReplyTests({ describe, check }: TestDefinition): void {
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
}
