import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { findBinary } from '../find/binary.js'
import { runDirectory } from '../machine/run-directory.js'
import { SOURCE } from './source.js'

/**
 * Whether `setClock` works on this machine: on Linux, with a C compiler (`cc`) and a Redis binary
 * that is linked dynamically. The first call compiles, which takes a fraction of a second.
 *
 * @example it.skipIf(!canSetClock())('…', async () => { … })
 */
export function canSetClock(): boolean {
  return preload() !== undefined
}

/** The environment of a server whose clock follows this file. */
export function clockEnvironment(file: string): Readonly<Record<string, string>> {
  const library = preload()
  if (library === undefined) throw new Error(IMPOSSIBLE)
  return { LD_PRELOAD: library, CACHE_TESTKIT_CLOCK: file }
}

/** What a clock's file holds at first: no offset, and not loaded by anybody. */
export const CLOCK_AT_FIRST = '\0'.repeat(16)

/** In place: the file is mapped into the server's memory. */
export async function writeOffset(file: string, offsetMs: number): Promise<void> {
  const content = Buffer.alloc(8)
  content.writeBigInt64LE(BigInt(Math.round(offsetMs)))
  await using handle = await open(file, 'r+')
  await handle.write(content, 0, content.length, 0)
}

const IMPOSSIBLE = `The option clock needs Linux, a C compiler named cc, and a Redis binary that is
linked dynamically. Ask canSetClock() before.`

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

/** A binary that is linked statically, or with another libc, ignores the library. */
function isLoadedInto(binary: string, library: string): boolean {
  const file = join(runDirectory(), 'clock-probe')
  writeFileSync(file, CLOCK_AT_FIRST)
  const environment = { ...process.env, LD_PRELOAD: library, CACHE_TESTKIT_CLOCK: file }
  spawnSync(binary, ['--version'], { env: environment })
  return readFileSync(file).readBigInt64LE(8) === 1n
}
