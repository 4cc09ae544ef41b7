import type { Redis } from 'ioredis'

/** The comparison of the writes of write-behind with the source. */
export interface QueueResult {
  readonly violations: readonly string[]
  readonly acknowledged: number
  readonly applied: number
}

/**
 * Verifies that the source received every acknowledged write exactly once and in the order of its
 * process, and no other write. Call it when the queues are empty.
 */
export async function verifyQueue(source: Redis): Promise<QueueResult> {
  const violations: string[] = []
  let [acknowledged, applied] = [0, 0]
  for (const key of await source.keys('attempted:*')) {
    const id = key.slice('attempted:'.length)
    const [attempts, adds, applies] = (await Promise.all(
      ['attempted', 'added', 'applied'].map((list) => source.lrange(`${list}:${id}`, 0, -1)),
    )) as [string[], string[], string[]]
    violations.push(...verifyCounter(id, attempts, adds, applies))
    acknowledged += adds.length
    applied += applies.length
  }
  const [puts, attempts, rows] = await Promise.all([
    source.hgetall('put'),
    source.hgetall('attempted'),
    source.hgetall('rows'),
  ])
  for (const [id, put] of Object.entries(puts)) {
    const stored = Number(rows[id] ?? 0)
    acknowledged++
    if (stored < Number(put))
      violations.push(`row ${id}: ${put} was acknowledged, but ${stored} is stored`)
    if (stored > Number(attempts[id])) violations.push(`row ${id}: ${stored} was never put`)
  }
  return { violations, acknowledged, applied }
}

/** Returns the writes that are out of order. A process numbers its writes: `process/number`. */
function outOfOrder(applied: readonly string[]): readonly string[] {
  const latest = new Map<string, number>()
  return [...new Set(applied)].filter((token) => {
    const [process, number] = token.split('/') as [string, string]
    const before = latest.get(process) ?? 0
    latest.set(process, Math.max(before, Number(number)))
    return Number(number) < before
  })
}

function verifyCounter(
  id: string,
  attempted: readonly string[],
  added: readonly string[],
  applied: readonly string[],
): readonly string[] {
  const violations: string[] = []
  const addViolation = (tokens: readonly string[], description: string) => {
    if (tokens.length === 0) return
    violations.push(
      `${id}: ${tokens.length} writes ${description}: ${tokens.slice(0, 5).join(', ')}`,
    )
  }
  const once = new Set(applied)
  const known = new Set(attempted)
  addViolation(outOfOrder(applied), 'were applied after a later one of their process')
  addViolation(
    added.filter((token) => !once.has(token)),
    'were acknowledged and lost',
  )
  addViolation(
    [...once].filter((token) => !known.has(token)),
    'were never made',
  )
  if (once.size < applied.length) {
    const twice = applied.filter((token, i) => applied.indexOf(token) !== i)
    addViolation(twice, 'were applied more than once')
  }
  return violations
}
