import type { Driver } from '../../drivers/driver.js'
import type { CacheError } from '../../errors.js'
import { chunks, MAX_KEYS_PER_COMMAND, Deferred, type BatchedCommand } from './batched-command.js'

export type Value = Buffer | null | CacheError

/** Where a reader finds its value: at `index` of `values`. */
export interface Reader {
  readonly values: Deferred<readonly Value[]>
  readonly index: number
}

/**
 * The plain reads of one tick. They become one MGET per group of keys, and each key is read once.
 *
 * If all keys are on one server, a single promise carries all values, and each reader takes its own
 * by index. That is cheaper than one promise per reader. Otherwise each reader has its own promise,
 * so that it does not wait for other nodes.
 */
export class TickReads {
  readonly #shared: Deferred<readonly Value[]> | undefined
  readonly #readers = new Map<string, Reader>()
  readonly #values: Value[] = []
  #settledCount = 0

  constructor(singleServer: boolean) {
    if (singleServer) this.#shared = new Deferred()
  }

  get size(): number {
    return this.#readers.size
  }

  add(key: string): Reader {
    let reader = this.#readers.get(key)
    if (!reader) {
      reader = this.#shared
        ? { values: this.#shared, index: this.#readers.size }
        : { values: new Deferred(), index: 0 }
      this.#readers.set(key, reader)
    }
    return reader
  }

  batchedCommands(driver: Driver): BatchedCommand[] {
    const keys = [...this.#readers.keys()]
    const keyGroups = this.#shared ? chunks(keys, MAX_KEYS_PER_COMMAND) : groups(driver, keys)
    return keyGroups.map((group) => this.#batchedCommand(group))
  }

  #batchedCommand(keys: readonly string[]): BatchedCommand {
    const fail = (error: CacheError): void =>
      this.#settle(
        keys,
        keys.map(() => error),
      )
    if (keys.length === 1) {
      // A value of another type counts as no value, as it does for MGET. The script that requests
      // the lease deletes it.
      const failSingle = (error: CacheError): void =>
        error.code === 'WRONGTYPE' ? this.#settle(keys, [null]) : fail(error)
      return {
        command: { args: ['GET', keys[0]!], keys, binary: true },
        requestCount: 1,
        deliver: (value) => this.#settle(keys, [value as Value]),
        fail: failSingle,
      }
    }
    return {
      command: mget(keys),
      requestCount: keys.length,
      deliver: (values) => this.#settle(keys, values as readonly Value[]),
      fail,
    }
  }

  #settle(keys: readonly string[], values: readonly Value[]): void {
    if (!this.#shared) {
      for (let i = 0; i < keys.length; i++)
        this.#readers.get(keys[i]!)!.values.resolve([values[i]!])
    } else if (keys.length === this.#readers.size) this.#shared.resolve(values)
    else {
      for (let i = 0; i < keys.length; i++)
        this.#values[this.#readers.get(keys[i]!)!.index] = values[i]!
      this.#settledCount += keys.length
      if (this.#settledCount === this.#readers.size) this.#shared.resolve(this.#values)
    }
  }
}

export function mget(keys: readonly string[]): BatchedCommand['command'] {
  return { args: ['MGET', ...keys], keys, binary: true }
}

/** Splits keys into groups that one MGET may name, none of which is too large. */
export function groups(driver: Driver, keys: readonly string[]): (readonly string[])[] {
  return driver.group(keys).flatMap((group) => chunks(group, MAX_KEYS_PER_COMMAND))
}
