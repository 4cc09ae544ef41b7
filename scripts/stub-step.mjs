// A step for tests that never ends. It has children in new process groups: one that ignores
// SIGTERM, and one that is stopped. They write their pids to the file in the first argument.
import { spawn } from 'node:child_process'

const [file] = process.argv.slice(2)
const script = `
  const { appendFileSync } = require('node:fs')
  const [file, kind] = process.argv.slice(1)
  process.on('SIGTERM', () => {})
  setInterval(() => {}, 1_000)
  appendFileSync(file, process.pid + '\\n')
  if (kind === 'stopped') process.kill(process.pid, 'SIGSTOP')
`
for (const kind of ['deaf', 'stopped']) {
  spawn(process.execPath, ['-e', script, file, kind], { detached: true, stdio: 'inherit' })
}
