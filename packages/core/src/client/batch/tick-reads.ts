import type { Driver } from '../../drivers/driver.js'
import type { CacheError } from '../../errors.js'
import { chunks, MOST_KEYS, request, type Parcel, type Request } from './batched-command.js'

export type Value = Buffer | null | CacheError

/** Where a reader finds its value: in `answer`, at `place`. */
export interface Reader {
  readonly answer: Promise<readonly Value[]>
  readonly place: number
}

/**
 * The plain reads of a tick: one MGET per group, each key asked once. Where all keys are in one
 * place, one promise carries all values and each reader takes the one in its place, which is
 * cheaper than a promise each; elsewhere no reader waits for a node that is none of its own.
 */
export class TickReads {
  readonly #together: Request<readonly Value[]> | undefined
  readonly #readers = new Map<
    string,
    { readonly request: Request<readonly Value[]>; readonly place: number }
  >()
  readonly #values: Value[] = []
  #settled = 0

  constructor(onePlace: boolean) {
    if (onePlace) this.#together = request()
  }

  get size(): number {
    return this.#readers.size
  }

  ask(key: string): Reader {
    let reader = this.#readers.get(key)
    if (!reader) {
      reader = this.#together
        ? { request: this.#together, place: this.#readers.size }
        : { request: request(), place: 0 }
      this.#readers.set(key, reader)
    }
    return { answer: reader.request.promise, place: reader.place }
  }

  parcels(driver: Driver): Parcel[] {
    const keys = [...this.#readers.keys()]
    const grouped = this.#together ? chunks(keys, MOST_KEYS) : groups(driver, keys)
    return grouped.map((group) => this.#parcel(group))
  }

  #parcel(keys: readonly string[]): Parcel {
    const fail = (error: CacheError): void =>
      this.#settle(
        keys,
        keys.map(() => error),
      )
    if (keys.length === 1) {
      // A value of another type is none, as MGET has it: the step that asks for the lease deletes
      // it.
      const failOne = (error: CacheError): void =>
        error.code === 'WRONGTYPE' ? this.#settle(keys, [null]) : fail(error)
      return {
        command: { args: ['GET', keys[0]!], keys, binary: true },
        requests: 1,
        deliver: (value) => this.#settle(keys, [value as Value]),
        fail: failOne,
      }
    }
    return {
      command: mget(keys),
      requests: keys.length,
      deliver: (values) => this.#settle(keys, values as readonly Value[]),
      fail,
    }
  }

  #settle(keys: readonly string[], values: readonly Value[]): void {
    if (!this.#together) {
      for (let i = 0; i < keys.length; i++)
        this.#readers.get(keys[i]!)!.request.resolve([values[i]!])
    } else if (keys.length === this.#readers.size) this.#together.resolve(values)
    else {
      for (let i = 0; i < keys.length; i++)
        this.#values[this.#readers.get(keys[i]!)!.place] = values[i]!
      this.#settled += keys.length
      if (this.#settled === this.#readers.size) this.#together.resolve(this.#values)
    }
  }
}

export function mget(keys: readonly string[]): Parcel['command'] {
  return { args: ['MGET', ...keys], keys, binary: true }
}

/** Keys that one command may name, and no more of them than it should. */
export function groups(driver: Driver, keys: readonly string[]): (readonly string[])[] {
  return driver.group(keys).flatMap((group) => chunks(group, MOST_KEYS))
}
