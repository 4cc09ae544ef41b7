import { now } from '../clock.js'
import type { Rows } from '../source.js'
import type { WorkloadContext } from './workload.js'

/** How long a change may take until its intent expires: longer than a process is ever frozen. */
export const INTENT_TTL = 3_000

/** The delay that a busy machine may add between two steps of one read. */
const SLACK = 500

export interface ReadGuarantee {
  /** Reads may miss changes that were acknowledged in the last `grace` ms. */
  readonly grace?: number
  /** Whether reads return even unacknowledged changes after `INTENT_TTL`. */
  readonly healsItself?: boolean
}

/** Reads a row with the pattern. It must not be older than what was acknowledged before. */
export async function checkedRead(
  context: WorkloadContext,
  pattern: string,
  rows: Rows,
  id: number,
  read: () => Promise<number | undefined>,
  { grace = 0, healsItself = false }: ReadGuarantee = {},
): Promise<void> {
  const from = now()
  const { version: minVersion, at } = await rows.acknowledgedVersion(id, grace)
  const version = await read()
  if (version === undefined) return
  const to = now()
  context.reporter.count(`${pattern}: reads`)
  if (version < minVersion) {
    const description =
      `row ${id}: ${version} was read although ${minVersion} ` + 'had been acknowledged'
    context.reporter.violation({ pattern, description, from, to })
  } else if (healsItself) {
    const nextMadeAt = (await rows.nextMadeAt(id, version)) ?? at
    if (at - nextMadeAt <= INTENT_TTL + SLACK) return
    const description = `row ${id}: ${version} was read ${at - nextMadeAt} ms after the next one`
    const since = from - (at - nextMadeAt)
    context.reporter.violation({
      pattern,
      description,
      from: since,
      to,
      explainedBy: 'clock or eviction',
    })
  }
}

/** Changes a row with the pattern. The resulting version is acknowledged. */
export async function checkedWrite(
  context: WorkloadContext,
  pattern: string,
  rows: Rows,
  id: number,
  write: () => Promise<number>,
): Promise<number> {
  const version = await write()
  await rows.acknowledge(id, version)
  context.reporter.count(`${pattern}: writes`)
  return version
}
