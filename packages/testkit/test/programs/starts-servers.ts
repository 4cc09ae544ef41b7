import { childProcess, spawnProcesses, startRedis } from '../../src/index.js'

const child = childProcess()
const running = await startRedis()
const paused = await startRedis()
await paused.pause()
const grandchildren = spawnProcesses(new URL('./idle.js', import.meta.url), { count: 2 })
await grandchildren.all('ready')
grandchildren.processes[0]?.freeze()
const directories = [running.directory, paused.directory]
const pids = [running.pid, paused.pid, ...grandchildren.processes.map(({ pid }) => pid)]
await child.say({ type: 'started', pids, directories })
await child.next('never')
