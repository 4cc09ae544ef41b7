import assert from 'node:assert/strict'
import { companion, slot } from '../client/keys.js'
import { command, on } from './commands.js'
import type { TestDefinition } from './runner.js'

export function defineRoutingTests({ describe, check }: TestDefinition): void {
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

    check('that are read together have a reply each', async (driver, key) => {
      const keys = Array.from({ length: 300 }, (_, i) => `driver-tests:read:${i}`)
      const stored = key('stored')
      await Promise.all(driver.send([on(stored, 'SET', stored, 'value')]))
      const groups = driver.groupReads?.([...keys, stored]) ?? []
      if (driver.groupReads) assert.deepEqual(groups.flat().sort(), [...keys, stored].sort())
      const replies = await Promise.all(
        driver.send(
          groups.map((group) => ({
            args: ['MGET', ...group],
            keys: group,
            binary: true,
            partial: true,
          })),
        ),
      )
      for (const [i, group] of groups.entries()) {
        const values = replies[i] as readonly unknown[]
        assert.equal(values.length, group.length)
        // The number 0 stands for a value that has to be read by itself.
        for (const [j, value] of values.entries())
          if (value !== 0)
            assert.equal(value && String(value), group[j] === stored ? 'value' : null)
      }
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
}
