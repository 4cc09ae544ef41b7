import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.js'
import type { WorkloadContext, Workload } from '../patterns/workload.js'
import { commandsOf } from './commands.js'

const TTL = 1_000

/** Uses SET NX PX, and DEL at the end without checking whether it still holds the lock. */
export function lock({ client, random, reporter, process }: WorkloadContext): Workload {
  const { set, del, incr } = commandsOf(client)
  return {
    async step() {
      const name = random.pick(['a', 'b'])
      if ((await set(`lock:${name}`, process, 'NX', 'PX', TTL)) === null) return
      const from = now()
      const fence = Number(await incr(`fence:${name}`))
      await sleep(random.chance(0.1) ? TTL + random.between(0, 300) : random.between(5, 40))
      const holding = { type: 'holding', lock: name, capacity: 1, fence, from } as const
      reporter.add({ ...holding, holder: `${process}/${fence}`, to: now() })
      await del(`lock:${name}`)
    },
    close: async () => undefined,
  }
}
