// A temporary folder, in which commands run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endAll } from '../run-command.mjs'

/**
 * Calls `task` with a temporary folder. Once the task has ended or failed, or a signal ends the
 * process, no command runs any more, and the folder is removed.
 */
export async function withScratch(prefix, task) {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  const end = async () => {
    await endAll()
    rmSync(folder, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(signal, () => void end().then(() => process.exit(1)))
  try {
    return await task(folder)
  } finally {
    await end()
  }
}
