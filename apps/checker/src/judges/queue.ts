import type { Redis } from 'ioredis'

/** What write-behind has brought to the source. */
export interface QueueVerdict {
  readonly violations: readonly string[]
  readonly acknowledged: number
  readonly applied: number
}

/**
 * Every acknowledged write has reached the source, each exactly once and in the order of its
 * process, and nothing that nobody has written. Call it when the queues are empty.
 */
export async function judgeQueue(source: Redis): Promise<QueueVerdict> {
  const violations: string[] = []
  let [acknowledged, applied] = [0, 0]
  for (const key of await source.keys('attempted:*')) {
    const id = key.slice('attempted:'.length)
    const [attempts, adds, applies] = (await Promise.all(
      ['attempted', 'added', 'applied'].map((list) => source.lrange(`${list}:${id}`, 0, -1)),
    )) as [string[], string[], string[]]
    violations.push(...judgeCounter(id, attempts, adds, applies))
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
      violations.push(`row ${id}: ${put} was acknowledged, and ${stored} is stored`)
    if (stored > Number(attempts[id])) violations.push(`row ${id}: nobody has put ${stored}`)
  }
  return { violations, acknowledged, applied }
}

/** A process writes a counter one after the other, and numbers what it writes: `process/number`. */
function outOfOrder(applied: readonly string[]): readonly string[] {
  const latest = new Map<string, number>()
  return [...new Set(applied)].filter((token) => {
    const [process, number] = token.split('/') as [string, string]
    const before = latest.get(process) ?? 0
    latest.set(process, Math.max(before, Number(number)))
    return Number(number) < before
  })
}

function judgeCounter(
  id: string,
  attempted: readonly string[],
  added: readonly string[],
  applied: readonly string[],
): readonly string[] {
  const violations: string[] = []
  const complain = (tokens: readonly string[], what: string) => {
    if (tokens.length === 0) return
    violations.push(`${id}: ${tokens.length} writes ${what}: ${tokens.slice(0, 5).join(', ')}`)
  }
  const once = new Set(applied)
  const known = new Set(attempted)
  complain(outOfOrder(applied), 'were applied after a later one of their process')
  complain(
    added.filter((token) => !once.has(token)),
    'were acknowledged and lost',
  )
  complain(
    [...once].filter((token) => !known.has(token)),
    'were never made',
  )
  if (once.size < applied.length) {
    const twice = applied.filter((token, i) => applied.indexOf(token) !== i)
    complain(twice, 'were applied more than once')
  }
  return violations
}
