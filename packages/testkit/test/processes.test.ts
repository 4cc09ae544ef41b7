import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { childProcess, spawnProcesses } from '../src/index.js'
import { isAlive } from './is-alive.js'

const talks = new URL('./programs/talks.ts', import.meta.url)

describe('spawnProcesses', () => {
  it('runs a TypeScript file as processes that know their place, talk, and end when they are done', async () => {
    await using group = spawnProcesses(talks, {
      count: 2,
      data: { greeting: 'hi' },
      env: { FLAVOUR: 'mint' },
    })
    // The second message first: the other one waits for whoever wants it.
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

  it('who awaits a process that throws is told what it threw', async () => {
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

  it('who awaits a process that was killed, or a message that does not come, is told so', async () => {
    await using group = spawnProcesses(talks, { data: { greeting: 'hi' } })
    const [process] = group.processes
    await process?.next('ready')
    await expect(process?.next('sum', { timeout: 10 })).rejects.toThrow(
      /sent no message "sum" within 10 ms\. Unread: .*hello/,
    )
    const waiting = expect(process?.next('sum')).rejects.toThrow(/by SIGKILL/)
    await process?.kill()
    await waiting
  })

  it('a frozen process is silent until it thaws, and can be killed', async () => {
    await using group = spawnProcesses(talks, { count: 2, data: { greeting: 'hi' } })
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

  it('a file that was not started by spawnProcesses can not be a child', () => {
    expect(() => childProcess()).toThrow(/spawnProcesses/)
  })
})
