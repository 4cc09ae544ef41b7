import { setTimeout as sleep } from 'node:timers/promises'
import type { World, Work } from '../patterns/work.js'
import { commandsOf } from './commands.js'

/** A list: RPUSH to write, LPOP to flush. What a process has popped dies with it. */
export function writeBehind({ client, source, random, process }: World): Work {
  const { rpush, lpop, llen } = commandsOf(client)
  const id = 'counter-0'
  let working = true
  let sequence = 0
  const flushing = flush()

  async function flush(): Promise<void> {
    while (working) {
      const token = await lpop('queue').catch(() => null)
      await sleep(random.between(1, 10))
      if (token !== null) await source.rpush(`applied:${id}`, String(token))
    }
  }

  return {
    async step() {
      const token = `${process}/${++sequence}`
      await source.rpush(`attempted:${id}`, token)
      await rpush('queue', token)
      await source.rpush(`added:${id}`, token)
    },
    async finish() {
      while (Number(await llen('queue')) > 0) await sleep(20)
      await sleep(200) // of what was popped last
    },
    async close() {
      working = false
      await flushing
    },
  }
}
