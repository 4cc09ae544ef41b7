import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { findRuntimes, type Runtime } from './runtimes.js'

declare module 'vitest' {
  interface ProvidedContext {
    readonly runtimes: readonly Runtime[]
  }
}

/**
 * Finds the runtimes. One that is not available is skipped, with a line that begins with `SKIPPED`,
 * or fails the run if `CACHE_RUNTIMES` is `required`.
 */
export default async function setup({ provide }: TestProject): Promise<void> {
  if (!existsSync(fileURLToPath(new URL('../dist/program.js', import.meta.url))))
    throw new Error('The program is not built: pnpm build')
  const runtimes = await findRuntimes()
  for (const { name, missing } of runtimes) {
    if (missing === undefined) continue
    if (process.env.CACHE_RUNTIMES === 'required') throw new Error(`${name}: ${missing}`)
    console.log(`SKIPPED ${name}: ${missing}`)
  }
  provide('runtimes', runtimes)
}
