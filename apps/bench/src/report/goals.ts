import type { Result } from '../scenarios/scenario.js'
import type { Goal } from './goal.js'
import { Rows } from './rows.js'
import { cpuColumn } from './speed-row.js'

const BARE = 'times the bare client'
const ASIDE = ['@cache/aside on ioredis', '@cache/aside on node-redis']
const isPeer = (name: string): boolean => !name.startsWith('@cache/')
const isCacheLibrary = (name: string): boolean =>
  isPeer(name) && !name.startsWith('ioredis') && !name.startsWith('node-redis')

/** The goals by scenario. A scenario without an entry has none. */
const goals: Readonly<Record<string, (rows: Rows) => readonly Goal[]>> = {
  keys: (rows) =>
    ['composite', 'e-mail', 'URL', 'non-ASCII'].map((kind) =>
      rows.atMost(`@cache/core, ${kind} id`, 'times a plain id', 2),
    ),
  hit: (rows) => [
    rows.atLeast('@cache/aside on ioredis', BARE, 2.5),
    rows.atLeast('@cache/aside on node-redis', BARE, 3.4),
    rows.aheadOf('@cache/aside on ioredis', BARE, isCacheLibrary),
  ],
  'hit on a Cluster': (rows) => ASIDE.map((name) => rows.atLeast(name, BARE, 2)),
  'one at a time': (rows) => ASIDE.map((name) => rows.atLeast(name, BARE, 1 / 1.1)),
  miss: (rows) =>
    ASIDE.flatMap((name) => [
      rows.atLeast(name, BARE, 1.1),
      rows.atMost(name, cpuColumn(BARE), 1.1),
    ]),
  bulk: (rows) => ASIDE.map((name) => rows.atLeast(name, BARE, 0.95)),
  'cold key': (rows) =>
    ASIDE.flatMap((name) => [
      rows.atMost(name, 'most loads', 1),
      rows.atMost(name, 'p99 beyond the loader, ms', 20),
    ]),
  'stale fill': (rows) => ASIDE.map((name) => rows.atMost(name, 'stale', 0)),
  'near hit': (rows) => [
    rows.atLeast('@cache/pubsub-invalidation, bus', 'times lru-cache', 0.7),
    rows.aheadOf(
      '@cache/pubsub-invalidation, bus',
      'times lru-cache',
      (name) => isPeer(name) && name !== 'lru-cache',
    ),
  ],
  'rate limit': (rows) => [
    rows.timesAsFast(
      '@cache/ratelimit on ioredis, fixedWindow',
      'rate-limiter-flexible on ioredis',
      1.5,
    ),
    rows.timesAsFast(
      '@cache/ratelimit on node-redis, fixedWindow',
      'rate-limiter-flexible on node-redis',
      2,
    ),
  ],
  'exact window': (rows) => [
    ...['ioredis', 'node-redis'].map((client) =>
      rows.times(
        `@cache/ratelimit on ${client}, slidingWindow`,
        `hand-written on ${client}, log`,
        'server µs each',
        1.15,
      ),
    ),
    rows.timesAsFast(
      '@cache/ratelimit on ioredis, slidingWindow',
      'rate-limiter-flexible on ioredis',
      1.2,
    ),
    rows.timesAsFast(
      '@cache/ratelimit on node-redis, slidingWindow',
      'rate-limiter-flexible on node-redis',
      2,
    ),
  ],
  gcra: (rows) =>
    ['ioredis', 'node-redis'].map((client) =>
      rows.times(
        `@cache/ratelimit on ${client}, gcra`,
        `hand-written on ${client}, gcra`,
        'server µs each',
        1.15,
      ),
    ),
  denied: (rows) => [
    rows.atLeast('@cache/ratelimit on ioredis, fixedWindow', 'times a bare round trip', 20),
  ],
  lock: (rows) => [rows.timesAsFast('@cache/lock on ioredis', rows.fastest(isPeer), 1)],
  'one lock at a time': (rows) => [
    rows.timesAsFast('@cache/lock on ioredis', rows.fastest(isPeer), 0.95),
  ],
  'lock queue': (rows) => [
    rows.atLeast('@cache/lock on ioredis', 'of the possible hand-overs', 0.95),
    rows.atMost('@cache/lock on ioredis', 'commands each', 15),
    rows.times(
      '@cache/lock on ioredis',
      rows.least('longest wait, ms', isPeer),
      'longest wait, ms',
      0.2,
    ),
  ],
  'contended lock': (rows) => [
    rows.times(
      '@cache/lock on ioredis',
      rows.least('longest wait, ms', isPeer),
      'longest wait, ms',
      0.1,
    ),
  ],
  'write-behind': (rows) =>
    ['@cache/write-behind on ioredis', '@cache/write-behind on node-redis'].flatMap((name) => [
      rows.atLeast(name, 'enqueue, times the bare stream', 1),
      rows.atLeast(name, 'bulk enqueue, times the bare stream', 0.9),
      rows.atLeast(name, 'flush, times the bare stream', 0.8),
      rows.timesAsFast(name, 'bullmq', 5, 'flush, µs each'),
    ]),
  'repeated writes': (rows) => [
    rows.atMost('@cache/write-behind on ioredis', 'repeated, most', 1_000),
  ],
  'cold start': (rows) =>
    ['ioredis', 'node-redis'].map((client) =>
      rows.atMost(
        `@cache/core, ${client} driver, @cache/aside`,
        'times the import of the client',
        1 / 3,
      ),
    ),
  heap: (rows) => [rows.atMost('@cache/pubsub-invalidation, near entry', 'bytes each', 300)],
  placement: (rows) => [
    rows.atLeast('@cache/sharding, rendezvous()', 'times modulo', 0.3),
    rows.atMost('@cache/sharding, rendezvous()', 'fullest / average', 1.02),
    rows.atMost('@cache/sharding, rendezvous()', 'moved by another, %', 11.5),
  ],
  'versioned read': (rows) => [rows.atMost('@cache/versioning on ioredis', 'round trips', 1)],
}

/** The names of the scenarios that have goals. */
export const scenariosWithGoals: readonly string[] = Object.keys(goals)

export function goalsOf(scenario: string, { rows }: Result): readonly Goal[] {
  return goals[scenario]?.(new Rows(rows)) ?? []
}
