import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let created: string | undefined

/**
 * Returns the directory that holds all files of this process. It is removed when the process ends,
 * in any way.
 */
export function runDirectory(): string {
  return (created ??= createRunDirectory())
}

function createRunDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cache-testing-'))
  const cleaner = spawn('/bin/sh', ['-c', CLEANER, 'cleaner', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  cleaner.unref()
  if (cleaner.stdin instanceof Socket) cleaner.stdin.unref()
  return directory
}

// The servers are killed at the same time, and one that still writes can make the first removal
// fail. The cleaner ignores signals that end all processes of a run, because it has to run after
// them.
const CLEANER = `
trap '' TERM HUP INT
read -r _
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && exit; sleep 0.2; done
`
