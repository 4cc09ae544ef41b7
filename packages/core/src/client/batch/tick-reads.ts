import { UNREAD, type Command, type Reply } from '../../drivers/command.js'
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
    const keyGroups = this.#shared ? chunks(keys, MAX_KEYS_PER_COMMAND) : readGroups(driver, keys)
    return keyGroups.map((group) => (group.length === 1 ? this.#get(group[0]!) : this.#mget(group)))
  }

  #get(key: string): BatchedCommand {
    return {
      command: get(key),
      requestCount: 1,
      deliver: (value) => this.#settle([key], [value as Value]),
      fail: (error) => this.#settle([key], [withoutWrongType(error)]),
    }
  }

  #mget(keys: readonly string[]): BatchedCommand {
    return {
      command: mget(keys),
      requestCount: keys.length,
      deliver: (values) => this.#settle(keys, values as readonly (Value | typeof UNREAD)[]),
      unread: (values) => unreadKeys(keys, values).map((key) => this.#get(key)),
      fail: (error) =>
        this.#settle(
          keys,
          keys.map(() => error),
        ),
    }
  }

  #settle(keys: readonly string[], values: readonly (Value | typeof UNREAD)[]): void {
    if (!this.#shared) {
      for (let i = 0; i < keys.length; i++) {
        const value = values[i]!
        if (value !== UNREAD) this.#readers.get(keys[i]!)!.values.resolve([value])
      }
    } else if (keys.length === this.#readers.size) this.#shared.resolve(values as readonly Value[])
    else {
      for (let i = 0; i < keys.length; i++)
        this.#values[this.#readers.get(keys[i]!)!.index] = values[i] as Value
      this.#settledCount += keys.length
      if (this.#settledCount === this.#readers.size) this.#shared.resolve(this.#values)
    }
  }
}

export function get(key: string): Command {
  return { args: ['GET', key], keys: [key], binary: true }
}

/** Returns an MGET of keys that `readGroups` put into one group. */
export function mget(keys: readonly string[]): Command {
  return { args: ['MGET', ...keys], keys, binary: true, partial: true }
}

/** Splits keys into groups that are read together, none of which is too large. */
export function readGroups(driver: Driver, keys: readonly string[]): (readonly string[])[] {
  const keyGroups = driver.groupReads ? driver.groupReads(keys) : driver.group(keys)
  return keyGroups.flatMap((group) => chunks(group, MAX_KEYS_PER_COMMAND))
}

/** Returns the keys of which the reply to their MGET has no value. */
function unreadKeys(keys: readonly string[], reply: Reply): readonly string[] {
  const values = reply as readonly Reply[]
  return values.includes(UNREAD) ? keys.filter((_, i) => values[i] === UNREAD) : []
}

/**
 * Makes a value of another type count as no value, as it does for MGET. The script that requests
 * the lease deletes it.
 */
export function withoutWrongType(error: CacheError): CacheError | null {
  return error.code === 'WRONGTYPE' ? null : error
}
