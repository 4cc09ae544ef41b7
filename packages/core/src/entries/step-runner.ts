import type { Argument } from '../drivers/command.js'
import type { Batch } from '../client/batch/batch.js'
import type { Script } from '../client/script.js'
import { mapAtOnce } from '../util/concurrency.js'
import type { Announcement, NearChange, NearEntries, NearValue } from './near.js'

interface StepRunnerOptions {
  readonly batch: Batch
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly near?: NearEntries | undefined
}

/** Runs the scripts of the entry store, and tells the near cache about changes. */
export class StepRunner {
  readonly batch: Batch
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly near: NearEntries | undefined

  constructor({ batch, readTimeout, writeTimeout, near }: StepRunnerOptions) {
    this.batch = batch
    this.readTimeout = readTimeout
    this.writeTimeout = writeTimeout
    this.near = near
  }

  run<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    timeout: number,
  ): Promise<R> {
    return this.batch.call(script, keys, args, timeout)
  }

  /** Runs a script that changes an entry. It publishes the announcement of the near cache. */
  runChange<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    change: NearChange | undefined,
  ): Promise<R> {
    const announcement = change?.announcement
    if (!announcement) return this.run(script, keys, args, this.writeTimeout)
    const { log } = announcement
    return this.run(
      script,
      log === undefined ? keys : [...keys, log],
      [...args, ...announcementArguments(announcement)],
      this.writeTimeout,
    )
  }

  /**
   * Tells the near cache that these entries change, runs the change, and tells the outcome.
   * `valueAfter` returns the value of the one entry after the change, if it is known.
   */
  async changing<R>(
    keys: readonly string[],
    work: (change: NearChange | undefined) => Promise<R>,
    valueAfter?: (result: R) => NearValue | undefined | Promise<NearValue | undefined>,
  ): Promise<R> {
    const change = this.near?.change(keys)
    if (!change) return work(undefined)
    let result: R
    let value: NearValue | undefined
    try {
      result = await work(change)
      value = await valueAfter?.(result)
    } catch (error) {
      change.failed()
      throw error
    }
    change.acknowledged(value)
    return result
  }

  /** Runs a step for each item, up to `batch.atOnce` concurrently. Keeps the order of the items. */
  mapEach<I, R>(items: readonly I[], step: (item: I) => Promise<R>): Promise<R[]> {
    return mapAtOnce(items, this.batch.atOnce, step)
  }
}

/** Returns the arguments of announce.lua. */
export function announcementArguments({
  channel,
  from,
  nth: sequence,
  id,
}: Announcement): string[] {
  return [channel, from, id === undefined ? String(sequence) : `${sequence} ${id}`]
}
