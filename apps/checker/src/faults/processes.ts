import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './fault.js'

export const processFaults = {
  'frozen process': {
    weight: 2,
    async run({ processes, random }) {
      const process = random.pick(processes)
      process.freeze()
      await sleep(random.between(200, 2_000))
      process.thaw()
    },
  },
  'killed process': {
    weight: 2,
    run: ({ processes, random }) => random.pick(processes).replace(),
  },
} satisfies Record<string, Fault>
