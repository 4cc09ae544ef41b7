import type { Result, Row } from '../scenarios/scenario.js'

/** A goal of a scenario, and the measured value. */
export interface Goal {
  readonly what: string
  readonly measured: number
  /** Whether `goal` is a minimum or a maximum. */
  readonly bound: 'at least' | 'at most'
  readonly goal: number
}

/** The goals by scenario. A scenario without an entry has none. */
const goals: Readonly<Record<string, (table: Table) => readonly Goal[]>> = {
  hit: (table) => [
    table.atLeast('@cache/aside on ioredis', BARE, 2.5),
    table.atLeast('@cache/aside on node-redis', BARE, 3),
    table.aheadOf('@cache/aside on ioredis', BARE, CACHE_PEERS),
  ],
  'one at a time': (table) =>
    ['@cache/aside on ioredis', '@cache/aside on node-redis'].map((row) =>
      table.atLeast(row, BARE, 1 / 1.1),
    ),
  miss: (table) =>
    ['@cache/aside on ioredis', '@cache/aside on node-redis'].map((row) =>
      table.atLeast(row, BARE, 1),
    ),
  bulk: (table) =>
    ['@cache/aside on ioredis', '@cache/aside on node-redis'].map((row) =>
      table.atLeast(row, BARE, 0.9),
    ),
  'cold key': (table) =>
    ['@cache/aside on ioredis', '@cache/aside on node-redis'].flatMap((row) => [
      table.atMost(row, 'most loads', 1),
      table.atMost(row, 'p99 beyond the loader, ms', 20),
    ]),
  'stale fill': (table) =>
    ['@cache/aside on ioredis', '@cache/aside on node-redis'].map((row) =>
      table.atMost(row, 'stale', 0),
    ),
  'near hit': (table) => [
    table.atLeast('@cache/pubsub-invalidation, bus', 'times lru-cache', 0.8),
    table.aheadOf(
      '@cache/pubsub-invalidation, bus',
      'times lru-cache',
      (name) => !name.startsWith('@cache/') && name !== 'lru-cache',
    ),
  ],
  'rate limit': (table) => [
    table.timesAsFast(
      '@cache/ratelimit on ioredis, fixedWindow',
      'rate-limiter-flexible on ioredis',
      1.5,
    ),
    table.timesAsFast(
      '@cache/ratelimit on node-redis, fixedWindow',
      'rate-limiter-flexible on node-redis',
      2,
    ),
  ],
  denied: (table) => [
    table.atLeast('@cache/ratelimit on ioredis, fixedWindow', 'times a bare round trip', 20),
  ],
  lock: (table) => [
    table.timesAsFast(
      '@cache/lock on ioredis',
      table.fastest((name) => !name.startsWith('@cache/')),
      1,
    ),
  ],
  'one lock at a time': (table) => [
    table.timesAsFast(
      '@cache/lock on ioredis',
      table.fastest((name) => !name.startsWith('@cache/')),
      1,
    ),
  ],
  'contended lock': (table) => {
    const best = table.least('longest wait, ms', (name) => !name.startsWith('@cache/'))
    return [
      {
        what:
          'longest wait of @cache/lock on ioredis, relative to ' +
          `${best.name}, the best of the others`,
        measured: table.number('@cache/lock on ioredis', 'longest wait, ms') / best.value,
        bound: 'at most',
        goal: 0.1,
      },
    ]
  },
  'write-behind': (table) =>
    ['@cache/write-behind on ioredis', '@cache/write-behind on node-redis'].flatMap((row) => [
      table.atLeast(row, 'enqueued, times the bare stream', 0.8),
      table.atLeast(row, 'flushed, times the bare stream', 0.8),
      {
        what: `${row}: flushed, times bullmq`,
        measured: table.number('bullmq', 'flush, µs each') / table.number(row, 'flush, µs each'),
        bound: 'at least',
        goal: 5,
      },
    ]),
  placement: (table) => [
    table.atLeast('@cache/sharding, rendezvous()', 'times modulo', 0.3),
    table.atMost('@cache/sharding, rendezvous()', 'fullest / average', 1.02),
    table.atMost('@cache/sharding, rendezvous()', 'moved by another, %', 11.5),
  ],
  'versioned read': (table) => [table.atMost('@cache/versioning on ioredis', 'round trips', 1)],
}

const BARE = 'times the bare client'
const CACHE_PEERS = (name: string): boolean =>
  !name.startsWith('@cache/') && name !== 'ioredis' && name !== 'node-redis'

export function goalsOf(scenario: string, { rows }: Result): readonly Goal[] {
  return goals[scenario]?.(new Table(rows)) ?? []
}

export function isMet({ measured, bound, goal }: Goal): boolean {
  return bound === 'at least' ? measured >= goal : measured <= goal
}

export function printGoals(all: readonly Goal[]): void {
  for (const { measured, bound, goal, what } of all) {
    const mark = isMet({ measured, bound, goal, what }) ? '✓' : '✗'
    const [value, limit] = [measured, goal].map((number) => Number(number.toPrecision(3)))
    console.log(`${mark} ${value}, ${bound} ${limit}: ${what}`)
  }
}

/** The rows of a scenario, with access by name. */
class Table {
  readonly #rows: readonly Row[]

  constructor(rows: readonly Row[]) {
    this.#rows = rows
  }

  number(name: string, column: string): number {
    return Number(this.#rows.find((row) => row.name === name)?.[column])
  }

  atLeast(name: string, column: string, goal: number): Goal {
    return {
      what: `${name}: ${column}`,
      measured: this.number(name, column),
      bound: 'at least',
      goal,
    }
  }

  atMost(name: string, column: string, goal: number): Goal {
    return {
      what: `${name}: ${column}`,
      measured: this.number(name, column),
      bound: 'at most',
      goal,
    }
  }

  timesAsFast(name: string, other: string, goal: number): Goal {
    return {
      what: `${name}: times as fast as ${other}`,
      measured: this.number(other, 'µs each') / this.number(name, 'µs each'),
      bound: 'at least',
      goal,
    }
  }

  aheadOf(name: string, column: string, isPeer: (name: string) => boolean): Goal {
    const peers = this.#rows.filter((row) => isPeer(row.name)).map((row) => Number(row[column]))
    return {
      what: `${name}: ${column}, as a multiple of the best peer's`,
      measured: this.number(name, column) / Math.max(...peers),
      bound: 'at least',
      goal: 1,
    }
  }

  fastest(isContender: (name: string) => boolean): string {
    return this.least('µs each', isContender).name
  }

  least(
    column: string,
    isContender: (name: string) => boolean,
  ): { readonly name: string; readonly value: number } {
    const found = this.#rows
      .filter(({ name }) => isContender(name))
      .map((row) => ({ name: row.name, value: Number(row[column]) }))
    return found.reduce((least, one) => (one.value < least.value ? one : least))
  }
}
