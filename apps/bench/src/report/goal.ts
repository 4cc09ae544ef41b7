import { precise } from '../measure/statistics.js'

/** A goal of a scenario, and the measured value. */
export interface Goal {
  readonly what: string
  readonly measured: number
  /** Whether `goal` is a minimum or a maximum. */
  readonly bound: 'at least' | 'at most'
  readonly goal: number
}

export function isMet({ measured, bound, goal }: Goal): boolean {
  return bound === 'at least' ? measured >= goal : measured <= goal
}

export function markOf(goal: Goal): '✓' | '✗' {
  return isMet(goal) ? '✓' : '✗'
}

export function printGoals(all: readonly Goal[]): void {
  for (const goal of all) {
    const { measured, bound, what } = goal
    console.log(`${markOf(goal)} ${precise(measured)}, ${bound} ${precise(goal.goal)}: ${what}`)
  }
}
