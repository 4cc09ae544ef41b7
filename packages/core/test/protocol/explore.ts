import { Protocol, nameOf, type Setting, type State } from './model.js'

export interface Exploration {
  readonly states: number
  /** The steps that lead to a stale read. */
  readonly violation: readonly string[] | undefined
}

/**
 * Explores every interleaving of the entry protocol, shortest first, and looks for a stale read.
 *
 * The source is a counter: each write commits the next number. A read is stale if it returns a
 * number lower than the highest one that was settled before the read began. A write is settled once
 * it is acknowledged (G1: nothing stale after the answer). A write whose writer died after
 * committing to the source is settled once its intent has expired (G2: a crash heals itself).
 */
export function explore(setting: Setting): Exploration {
  const protocol = new Protocol(setting)
  const seen = new Set<string>()
  const first = protocol.start()
  const pending: Path[] = [{ state: first, label: '', previous: undefined }]
  seen.add(nameOf(first))
  for (let i = 0; i < pending.length; i++) {
    const current = pending[i]!
    for (const step of protocol.next(current.state)) {
      if (step.stale)
        return { states: seen.size, violation: labelsOf({ ...step, previous: current }) }
      const name = nameOf(step.state)
      if (seen.has(name)) continue
      seen.add(name)
      pending.push({ ...step, previous: current })
    }
    delete (current as { state?: State }).state
  }
  return { states: seen.size, violation: undefined }
}

interface Path {
  readonly state: State
  readonly label: string
  readonly previous: Path | undefined
}

function labelsOf(path: Path): string[] {
  const labels: string[] = []
  for (let step: Path | undefined = path; step?.previous; step = step.previous)
    labels.unshift(step.label)
  return labels
}
