import { now } from '../clock.js'
import type { Rows } from '../source.js'
import type { World } from './work.js'

/** How long a change may take until its announcement ends: longer than a process is ever frozen. */
export const INTENT_TTL = 3_000

/** What a busy machine may add between two steps of one read. */
const SLACK = 500

export interface Promised {
  /** Reads may be older than what was acknowledged by so many ms. */
  readonly grace?: number
  /** Whether a change that was not acknowledged is seen after `INTENT_TTL` all the same. */
  readonly healsItself?: boolean
}

/** Reads a row as the pattern does. It must not be older than what was acknowledged before. */
export async function checkedRead(
  world: World,
  pattern: string,
  rows: Rows,
  id: number,
  read: () => Promise<number | undefined>,
  { grace = 0, healsItself = false }: Promised = {},
): Promise<void> {
  const from = now()
  const { version: floor, at } = await rows.floor(id, grace)
  const version = await read()
  if (version === undefined) return
  const to = now()
  world.reporter.count(`${pattern}: reads`)
  if (version < floor) {
    const what = `row ${id}: ${version} was read although ${floor} had been acknowledged`
    world.reporter.violation({ pattern, what, from, to })
  } else if (healsItself) {
    const nextMadeAt = (await rows.nextMadeAt(id, version)) ?? at
    if (at - nextMadeAt <= INTENT_TTL + SLACK) return
    const what = `row ${id}: ${version} was read ${at - nextMadeAt} ms after the next one`
    const since = from - (at - nextMadeAt)
    world.reporter.violation({ pattern, what, from: since, to, unless: 'clock or eviction' })
  }
}

/** Changes a row as the pattern does; the version that it resolves to is acknowledged. */
export async function checkedWrite(
  world: World,
  pattern: string,
  rows: Rows,
  id: number,
  write: () => Promise<number>,
): Promise<number> {
  const version = await write()
  await rows.acknowledge(id, version)
  world.reporter.count(`${pattern}: writes`)
  return version
}
