import { childProcess, spawnProcesses } from '../../src/index.js'

const child = childProcess()
const grandchildren = spawnProcesses(new URL('./idle.js', import.meta.url), { count: 2 })
await grandchildren.all('ready')
grandchildren.processes[0]?.freeze()
const pids = grandchildren.processes.map(({ pid }) => pid)
await child.say({ type: 'started', pids })
await child.next('never')
