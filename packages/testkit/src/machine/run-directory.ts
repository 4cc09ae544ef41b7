import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let made: string | undefined

/**
 * The directory of everything this process puts on disk; it is removed when the process ends, in
 * whatever way it ends.
 */
export function runDirectory(): string {
  return (made ??= makeRunDirectory())
}

function makeRunDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cache-testkit-'))
  const keeper = spawn('/bin/sh', ['-c', KEEPER, 'keeper', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  keeper.unref()
  if (keeper.stdin instanceof Socket) keeper.stdin.unref()
  return directory
}

// The servers are killed at the same moment: one that still writes can make the first removal fail.
// A signal that ends all processes of a run must not end the keeper, which has to tidy up after
// them.
const KEEPER = `
trap '' TERM HUP INT
read -r _
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && exit; sleep 0.2; done
`
