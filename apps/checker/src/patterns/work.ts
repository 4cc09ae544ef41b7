import type { CacheClient } from '@cache/core'
import type { Redis } from 'ioredis'
import type { Random } from '../random.js'
import type { Reporter } from '../reporter.js'

/** What a pattern works with in one process. */
export interface World {
  readonly client: CacheClient
  readonly source: Redis
  readonly random: Random
  readonly reporter: Reporter
  /** Names this process; one that takes the place of a killed one has another name. */
  readonly process: string
}

/** A pattern at work in one process. */
export interface Work {
  /** Does one thing at random, and checks it. Rejects as the pattern does. */
  step(): Promise<void>
  /** Called once when all faults are over, in all processes at once. */
  finish?(): Promise<void>
  close(): Promise<void>
}

export type StartWork = (world: World) => Work | Promise<Work>
