import { CacheError, ConnectionError, hashTag, slot, type Command, type Reply } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import { Clocks } from './clocks.js'
import leaveLua from './leave.lua'
import restoreLua from './restore.lua'
import { sendTo } from './sending.js'

/**
 * Moves keys from their old places into the new ones, each before this process first uses it there.
 *
 * A key is used in its new place only by those who have seen that it is gone from the old one, and who have left a note in both. The note in the
 * old place says that what is written there later, by a command that was long on its way, counts no more. The note in the new place keeps
 * away who has read the old place before that, and stores what it read much later; and who is later than that note lives is refused by the
 * clock.
 */
export class Mover {
  /** What the change is known by. To be set before anything is moved. */
  id = ''
  readonly #from: Layout
  readonly #to: Layout
  readonly #lost: ReadonlySet<string>
  readonly #timeout: number
  /** Nothing is left of them in the old place, and the notes are there. May be forgotten: it is seen again. */
  readonly #settled = new Set<string>()
  readonly #underWay = new Map<string, Promise<CacheError | undefined>>()
  readonly #clocks: Clocks

  /** `lost` may grow. */
  constructor(from: Layout, to: Layout, { lost, timeout }: { lost: ReadonlySet<string>; timeout: number }) {
    this.#from = from
    this.#to = to
    this.#lost = lost
    this.#timeout = timeout
    this.#clocks = new Clocks(timeout)
  }

  /** Answers with what went wrong, by key. */
  async move(keys: readonly string[]): Promise<ReadonlyMap<string, CacheError>> {
    const missing = new Set(keys.filter((key) => !this.#settled.has(key) && !this.#underWay.has(key)))
    for (const part of this.#parts([...missing])) {
      const moving = this.carry(part.from, part.to, part.keys, 'noted')
      for (const [i, key] of part.keys.entries()) {
        const one = moving.then((errors) => {
          this.#underWay.delete(key)
          if (errors[i] === undefined) this.#remember(key)
          return errors[i]
        })
        this.#underWay.set(key, one)
      }
    }
    const failed = new Map<string, CacheError>()
    await Promise.all(keys.map(async (key) => {
      const error = await this.#underWay.get(key)
      if (error) failed.set(key, error)
    }))
    return failed
  }

  /** Never rejects; answers with what went wrong with each. `'noted'`: they are to be used in their new place now. */
  async carry(from: Shard, to: Shard, keys: readonly string[], noted?: 'noted'): Promise<(CacheError | undefined)[]> {
    const errors = new Array<CacheError | undefined>(keys.length)
    const fail = (i: number, ...replies: (Reply | CacheError | undefined)[]): boolean => {
      for (const reply of replies) if (reply instanceof CacheError) errors[i] ??= reply
      return errors[i] !== undefined
    }
    const open = (): number[] => [...keys.keys()].filter((i) => errors[i] === undefined)

    if (!this.#lost.has(from.name)) {
      const [time, timeThere] = await Promise.all([this.#clocks.of(to), this.#clocks.of(from)])
      if (time instanceof CacheError) return errors.fill(time)
      if (timeThere instanceof CacheError) return errors.fill(timeThere)
      // The note last: what it does not forbid was read before it was there.
      const read = await this.#send(from, keys.flatMap((key) => [on(key, 'PTTL', key), { ...on(key, 'DUMP', key), binary: true }, on(key, 'EXISTS', this.#noteOf(key))]))
      const there = [...keys.keys()].map((i) => ({ i, life: read[3 * i]!, payload: read[3 * i + 1]!, note: read[3 * i + 2]! })).filter(({ i, life, payload, note }) => !fail(i, life, payload, note) && payload !== null)

      const found = there.filter(({ note }) => note === 0)
      const restored = await this.#send(to, found.map(({ i, life, payload }) => {
        const ttl = life === -1 ? 0 : Math.max(1, life as number)
        return on(keys[i]!, 'EVAL', restoreLua, '2', keys[i]!, this.#noteOf(keys[i]!), payload as Buffer, String(ttl), String(time + PATIENCE))
      }))
      for (const [at, { i }] of found.entries()) fail(i, restored[at] === 0 ? tooLate(keys[i]!) : restored[at])

      const leaving = noted ? open() : there.map(({ i }) => i).filter((i) => errors[i] === undefined)
      const left = await this.#send(from, leaving.map((i) => {
        const [key, until] = [keys[i]!, String(timeThere + PATIENCE)]
        return noted ? on(key, 'EVAL', leaveLua, '2', key, this.#noteOf(key), until, String(LEFT_LIFE)) : on(key, 'EVAL', leaveLua, '1', key, until)
      }))
      for (const [at, i] of leaving.entries()) fail(i, left[at] === 0 ? tooLate(keys[i]!) : left[at])
    }

    if (noted) {
      const rest = open()
      const notes = await this.#send(to, rest.map((i) => on(keys[i]!, 'SET', this.#noteOf(keys[i]!), '', 'PX', String(USED_LIFE))))
      for (const [at, i] of rest.entries()) fail(i, notes[at])
    }
    return errors
  }

  /** Whether a key is one of the notes. */
  static isNote(key: string): boolean {
    return /\}:resharded:[\w.-]{16,}:/.test(key)
  }

  #parts(keys: readonly string[]): { from: Shard; to: Shard; keys: string[] }[] {
    const parts = new Map<string, { from: Shard; to: Shard; keys: string[] }>()
    for (const key of keys) {
      const [from, to] = [this.#from.shardOf(key), this.#to.shardOf(key)]
      const name = `${from.name}\0${to.name}`
      const part = parts.get(name)
      if (part) part.keys.push(key)
      else parts.set(name, { from, to, keys: [key] })
    }
    return [...parts.values()]
  }

  #remember(key: string): void {
    if (this.#settled.size >= MOST_REMEMBERED) this.#settled.clear()
    this.#settled.add(key)
  }

  /** In the same slot, where the shard is a Cluster. */
  #noteOf(key: string): string {
    return `{${hashTag(key) ?? (key.includes('}') ? tagOfSlot(slot(key)) : key)}}:resharded:${this.id}:${key}`
  }

  #send(shard: Shard, commands: readonly Command[]): Promise<readonly (Reply | CacheError)[]> {
    return sendTo(shard, commands, this.#timeout)
  }
}

/** Ms from the beginning of a move until a key must be in its new place, and gone from the old one. */
const PATIENCE = 1_000
/** Ms for which a note in a new place keeps away who is late; and after which nobody can be. */
export const USED_LIFE = 2 * PATIENCE
/** Ms for which a note in an old place does: longer than a command is on its way. */
const LEFT_LIFE = 60 * 60 * 1_000
const MOST_REMEMBERED = 1_000_000

function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

/** A key that has no hash tag, and can't be one. */
function tagOfSlot(wanted: number): string {
  for (let i = 0; ; i++) if (slot(String(i)) === wanted) return String(i)
}

function tooLate(key: string): CacheError {
  return new ConnectionError(`"${key}" was not moved to its new shard within ${PATIENCE} ms. Ask again.`, { code: 'RESHARDED', key })
}
