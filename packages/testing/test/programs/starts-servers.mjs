// Starts servers, says which, and ends as it is told: it never stops them.
import { startRedis, startProxy } from '@cache/testing'

const running = await startRedis()
const paused = await startRedis()
await paused.pause()
await startProxy(running)
process.on('message', (ending) => {
  if (ending === 'exit') process.exit(0)
  if (ending === 'throw') throw new Error('a test has crashed')
})
process.send({
  pids: [running.pid, paused.pid],
  directories: [running.directory, paused.directory],
})
