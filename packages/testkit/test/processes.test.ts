import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { childProcess, spawnProcesses } from '../src/index.js'
import { isAlive } from './is-alive.js'

const exchangesMessages = new URL('./programs/exchanges-messages.ts', import.meta.url)

describe('spawnProcesses', () => {
  it('runs a TypeScript file as processes that exchange messages and end when done', async () => {
    await using group = spawnProcesses(exchangesMessages, {
      count: 2,
      data: { greeting: 'hi' },
      env: { FLAVOUR: 'mint' },
    })
    // Takes the second message first: the first one is stored until it is taken.
    await group.all('ready')
    expect(await group.all('hello')).toEqual(
      [0, 1].map((from) => ({ type: 'hello', from, of: 2, greeting: 'hi', env: 'mint' })),
    )
    group.send({ type: 'add', numbers: [1, 2, 3] })
    const sums = await group.all<{ sum: number }>((message) => message.sum === 6)
    expect(sums).toEqual(
      [0, 1].map((index) => ({ type: 'sum', sum: 6, at: new Map([[index, 1n]]) })),
    )
    expect(await Promise.all(group.processes.map(({ exited }) => exited))).toEqual(
      [0, 1].map(() => ({ code: 0, signal: null })),
    )
  })

  it('a wait for a message of a process that throws is rejected with its stderr', async () => {
    await using group = spawnProcesses(
      fileURLToPath(new URL('./programs/throws.ts', import.meta.url)),
    )
    const [process] = group.processes
    await process?.next('about to fail')
    await expect(process?.next('anything')).rejects.toThrow(
      /throws\.ts\) ended with code 1[^]*the till is empty/,
    )
    expect(() => group.send('hello?')).toThrow(/is gone/)
  })

  it('a wait is rejected when the process is killed, and on a timeout', async () => {
    await using group = spawnProcesses(exchangesMessages, { data: { greeting: 'hi' } })
    const [process] = group.processes
    await process?.next('ready')
    await expect(process?.next('sum', { timeout: 10 })).rejects.toThrow(
      /sent no message "sum" within 10 ms\. Unread: .*hello/,
    )
    const waiting = expect(process?.next('sum')).rejects.toThrow(/by SIGKILL/)
    await process?.kill()
    await waiting
  })

  it('a frozen process sends nothing until it is thawed, and can be killed', async () => {
    await using group = spawnProcesses(exchangesMessages, { count: 2, data: { greeting: 'hi' } })
    await group.all('ready')
    const [first, second] = group.processes
    first?.freeze()
    second?.freeze()
    group.send({ type: 'add', numbers: [1] })
    await expect(first?.next('sum', { timeout: 200 })).rejects.toThrow(/no message/)
    first?.thaw()
    await first?.next('sum')
    await second?.kill()
    expect(isAlive(second?.pid ?? 0)).toBe(false)
  })

  it('childProcess() throws in a process that spawnProcesses did not start', () => {
    expect(() => childProcess()).toThrow(/spawnProcesses/)
  })
})
