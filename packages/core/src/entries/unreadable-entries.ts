import { createHash } from 'node:crypto'
import { decodeEntry } from './decode-entry.js'
import type { Format } from './format.js'
import { discardScript, readScript } from './scripts.js'
import type { StepRunner } from './step-runner.js'

/**
 * Deletes an entry that can't be decoded. Reads treat it as missing, but its version could keep
 * later writes out. Resolves to `false` if another value has replaced it.
 */
export function discardUnreadable(
  runner: StepRunner,
  key: string,
  stored: Buffer,
): Promise<boolean> {
  const hash = createHash('sha1').update(stored).digest('hex')
  return runner.run(discardScript, [key], [hash], runner.readTimeout)
}

/**
 * Resolves to whether the entry that kept a write out is really newer. If it just can't be decoded,
 * it is deleted, and this resolves to `false`.
 */
export async function isNewer<T>(
  runner: StepRunner,
  key: string,
  format: Format<T>,
): Promise<boolean> {
  const stored = await runner.run(readScript, [key], [], runner.readTimeout)
  if (stored === undefined) return true
  if (await decodeEntry(key, stored.value, stored.life, format)) return true
  return !(await discardUnreadable(runner, key, stored.value))
}
