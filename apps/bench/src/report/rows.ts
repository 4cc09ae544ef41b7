import type { Row } from '../scenarios/scenario.js'
import type { Goal } from './goal.js'

/** The rows of a scenario, and goals for them. */
export class Rows {
  readonly #rows: readonly Row[]

  constructor(rows: readonly Row[]) {
    this.#rows = rows
  }

  atLeast(name: string, column: string, goal: number): Goal {
    const measured = this.#number(name, column)
    return { what: `${name}: ${column}`, measured, bound: 'at least', goal }
  }

  atMost(name: string, column: string, goal: number): Goal {
    const measured = this.#number(name, column)
    return { what: `${name}: ${column}`, measured, bound: 'at most', goal }
  }

  /** The value in a column is at most `goal` times that of another row. */
  times(name: string, other: string, column: string, goal: number): Goal {
    return {
      what: `${name}: ${column}, times that of ${other}`,
      measured: this.#number(name, column) / this.#number(other, column),
      bound: 'at most',
      goal,
    }
  }

  /** The row takes at most 1 / `goal` of the time of another one. */
  timesAsFast(name: string, other: string, goal: number, column = 'µs each'): Goal {
    return {
      what: `${name}: ${column === 'µs each' ? '' : `${column}, `}times as fast as ${other}`,
      measured: this.#number(other, column) / this.#number(name, column),
      bound: 'at least',
      goal,
    }
  }

  /** The value in a column is at least the largest of the selected rows. */
  aheadOf(name: string, column: string, isSelected: (name: string) => boolean): Goal {
    const others = this.#rows.filter((row) => isSelected(row.name)).map((row) => row[column])
    return {
      what: `${name}: ${column}, as a multiple of the best peer's`,
      measured: this.#number(name, column) / Math.max(...others.map(Number)),
      bound: 'at least',
      goal: 1,
    }
  }

  /** Returns the name of the fastest of the selected rows. */
  fastest(isSelected: (name: string) => boolean): string {
    return this.least('µs each', isSelected)
  }

  /** Returns the name of the selected row with the least value in a column. */
  least(column: string, isSelected: (name: string) => boolean): string {
    return this.#rows
      .filter(({ name }) => isSelected(name))
      .reduce((least, row) => (Number(row[column]) < Number(least[column]) ? row : least)).name
  }

  #number(name: string, column: string): number {
    return Number(this.#rows.find((row) => row.name === name)?.[column])
  }
}
