import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { findBinary } from '../find/binary.js'
import { runDirectory } from '../machine/run-directory.js'
import { SOURCE } from './source.js'

/**
 * Returns whether `setClock` works on this machine: it needs Linux, a C compiler (`cc`) and a Redis
 * binary that is linked dynamically. The first call compiles a library, which takes a fraction of a
 * second.
 *
 * @example it.skipIf(!canSetClock())('…', async () => { … })
 */
export function canSetClock(): boolean {
  return preload() !== undefined
}

/** Returns the environment for a server whose clock follows `file`. */
export function clockEnvironment(file: string): Readonly<Record<string, string>> {
  const library = preload()
  if (library === undefined) throw new Error(UNSUPPORTED)
  return { LD_PRELOAD: library, CACHE_TESTING_CLOCK: file }
}

/** The initial content of a clock file: no offset, and not loaded by a server. */
export const INITIAL_CLOCK = '\0'.repeat(16)

/** Writes in place, because the file is mapped into the server's memory. */
export async function writeOffset(file: string, offsetMs: number): Promise<void> {
  const content = Buffer.alloc(8)
  content.writeBigInt64LE(BigInt(Math.round(offsetMs)))
  const handle = await open(file, 'r+')
  try {
    await handle.write(content, 0, content.length, 0)
  } finally {
    await handle.close()
  }
}

const UNSUPPORTED = `The option clock needs Linux, a C compiler named cc, and a Redis binary that is
linked dynamically. Call canSetClock() first.`

let compiled: { readonly library: string | undefined } | undefined

function preload(): string | undefined {
  return (compiled ??= { library: compile() }).library
}

function compile(): string | undefined {
  const binary = process.platform === 'linux' ? findBinary(process.env) : undefined
  if (binary === undefined) return undefined
  const library = join(runDirectory(), 'clock.so')
  const flags = ['-shared', '-fPIC', '-O2', '-x', 'c', '-', '-o', library, '-ldl']
  const cc = spawnSync('cc', flags, { input: SOURCE })
  return cc.status === 0 && isLoadedInto(binary, library) ? library : undefined
}

/** A binary that is linked statically, or against another libc, ignores the library. */
function isLoadedInto(binary: string, library: string): boolean {
  const file = join(runDirectory(), 'clock-probe')
  writeFileSync(file, INITIAL_CLOCK)
  const environment = { ...process.env, LD_PRELOAD: library, CACHE_TESTING_CLOCK: file }
  spawnSync(binary, ['--version'], { env: environment })
  return readFileSync(file).readBigInt64LE(8) === 1n
}
