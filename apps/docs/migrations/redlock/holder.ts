// A process that runs one of the programs, and whose first invoice blocks its event loop.
import { burnCpu, childProcess } from '@cache/testkit'
import * as after from './after.js'
import * as before from './before.js'

const child = childProcess<{ url: string; program: 'before' | 'after'; duration: number }>()
const { url, program, duration } = child.data
const { createInvoiceRun } = { before, after }[program]

const job = createInvoiceRun(
  url,
  {
    unsent: async () => [1, 2],
    async send(id) {
      await child.say({ type: 'sends', id })
      if (id === 1) burnCpu(3 * duration)
    },
  },
  { duration },
)
await job
  .run()
  .then((sent) => child.say({ type: 'ended', sent }))
  .catch((error: Error) => child.say({ type: 'ended', error: error.name }))
process.exit()
