import { RedisError } from './reply.js'

/** The id of an entry of a stream. */
export interface StreamId {
  readonly ms: bigint
  readonly seq: bigint
}

export interface StreamEntry {
  readonly id: StreamId
  readonly fields: readonly string[]
}

export const LOWEST: StreamId = { ms: 0n, seq: 0n }
const MAX = 2n ** 64n - 1n
export const HIGHEST: StreamId = { ms: MAX, seq: MAX }

export function compareIds(a: StreamId, b: StreamId): number {
  return a.ms === b.ms ? (a.seq === b.seq ? 0 : a.seq < b.seq ? -1 : 1) : a.ms < b.ms ? -1 : 1
}

export function formatId({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`
}

/** `seq`: what it is where the text says nothing about it. @throws {RedisError} */
export function parseId(text: string, seq: bigint): StreamId {
  const found = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(text)
  const id = found && {
    ms: BigInt(found[1]!),
    seq: found[2] === undefined ? seq : BigInt(found[2]),
  }
  if (!id || id.ms > MAX || id.seq > MAX)
    throw new RedisError('ERR Invalid stream ID specified as stream command argument')
  return id
}

function after({ ms, seq }: StreamId): StreamId {
  if (seq < MAX) return { ms, seq: seq + 1n }
  if (ms === MAX)
    throw new RedisError(
      'ERR The stream has exhausted the last possible ID, unable to add more items',
    )
  return { ms: ms + 1n, seq: 0n }
}

/** Entries that are only appended, and the last id that was given. */
export class Stream {
  entries: StreamEntry[] = []
  last: StreamId = LOWEST
  added = 0

  get length(): number {
    return this.entries.length
  }

  /**
   * Appends an entry with the id `wanted`: `*`, `<ms>-*` or a whole id.
   *
   * @throws {RedisError} if it is not greater than the last one.
   */
  append(wanted: string, fields: readonly string[], now: number): StreamId {
    const id = this.#idOf(wanted, now)
    if (compareIds(id, this.last) <= 0) {
      const why =
        compareIds(id, LOWEST) === 0
          ? 'must be greater than 0-0'
          : 'is equal or smaller than the target stream top item'
      throw new RedisError(`ERR The ID specified in XADD ${why}`)
    }
    this.entries.push({ id, fields })
    this.last = id
    this.added++
    return id
  }

  #idOf(wanted: string, now: number): StreamId {
    if (wanted === '*') {
      const id = { ms: BigInt(now), seq: 0n }
      return compareIds(id, this.last) > 0 ? id : after(this.last)
    }
    const auto = /^(\d{1,20})-\*$/.exec(wanted)
    if (!auto) {
      if (compareIds(this.last, HIGHEST) === 0) after(this.last)
      return parseId(wanted, 0n)
    }
    const ms = BigInt(auto[1]!)
    return ms === this.last.ms ? after(this.last) : { ms, seq: 0n }
  }

  /** Entries from one id to another, both included. */
  range(from: StreamId, to: StreamId): StreamEntry[] {
    return this.entries.filter(({ id }) => compareIds(id, from) >= 0 && compareIds(id, to) <= 0)
  }

  delete(ids: readonly StreamId[]): number {
    const before = this.entries.length
    this.entries = this.entries.filter(({ id }) => !ids.some((one) => compareIds(one, id) === 0))
    return before - this.entries.length
  }

  /** Keeps the newest. Returns how many are gone. */
  trim(most: number): number {
    return this.entries.splice(0, Math.max(0, this.entries.length - most)).length
  }
}
