import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkloadContext, Workload } from '../patterns/workload.js'
import { commandsOf } from './commands.js'

/** A list: RPUSH to write, LPOP to flush. A write that was popped is lost if the process dies. */
export function writeBehind({ client, source, random, process }: WorkloadContext): Workload {
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
      await sleep(200) // Waits for the write that was popped last.
    },
    async close() {
      working = false
      await flushing
    },
  }
}
