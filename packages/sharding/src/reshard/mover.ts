import { CacheError, ConnectionError, hashTag, slot, type Command, type Reply } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import arriveLua from './arrive.lua'
import { Clocks } from './clocks.js'
import leaveLua from './leave.lua'
import { sendTo } from './sending.js'
import takeLua from './take.lua'

/**
 * Moves keys from their old places into the new ones, each before this process first uses it there.
 *
 * A key is used in its new place only by those who have seen that it is gone from the old one,
 * after a note was left in the new place and then one in the old. The note in the old place says
 * that what is written there later, by a command that was long on its way, counts no more. The note
 * in the new place keeps away who has read the old place before that, and stores what it read much
 * later; and who is later than that note lives is refused by the clock.
 */
export class Mover {
  /** What the change is known by. To be set before anything is moved. */
  id = ''
  readonly #from: Layout
  readonly #to: Layout
  readonly #lost: ReadonlySet<string>
  readonly #timeout: number
  /**
   * Nothing is left of them in the old place, and the notes are there. May be forgotten: it is seen
   * again.
   */
  readonly #settled = new Set<string>()
  readonly #underWay = new Map<string, Promise<CacheError | undefined>>()
  /** What is moved at the end of this turn. */
  #asked = new Map<string, (error: CacheError | undefined) => void>()
  readonly #clocks: Clocks

  /** `lost` may grow. */
  constructor(
    from: Layout,
    to: Layout,
    { lost, timeout }: { lost: ReadonlySet<string>; timeout: number },
  ) {
    this.#from = from
    this.#to = to
    this.#lost = lost
    this.#timeout = timeout
    this.#clocks = new Clocks(timeout)
  }

  /** Answers with what went wrong, by key. */
  async move(keys: readonly string[]): Promise<ReadonlyMap<string, CacheError>> {
    const failed = new Map<string, CacheError>()
    await Promise.all(
      keys.map(async (key) => {
        const error = this.#settled.has(key)
          ? undefined
          : await (this.#underWay.get(key) ?? this.#ask(key))
        if (error) failed.set(key, error)
      }),
    )
    return failed
  }

  /** What is asked for in one turn, as by all who were held until the moment, is moved together. */
  #ask(key: string): Promise<CacheError | undefined> {
    if (this.#asked.size === 0) queueMicrotask(() => this.#moveAsked())
    const moving = new Promise<CacheError | undefined>((resolve) => this.#asked.set(key, resolve))
    this.#underWay.set(key, moving)
    return moving
  }

  #moveAsked(): void {
    const asked = this.#asked
    this.#asked = new Map()
    for (const { from, to, keys } of this.#parts([...asked.keys()])) {
      for (let i = 0; i < keys.length; i += MOST_AT_ONCE) {
        const some = keys.slice(i, i + MOST_AT_ONCE)
        void this.carry(from, to, some, 'noted').then((errors) => {
          for (const [j, key] of some.entries()) {
            this.#underWay.delete(key)
            if (errors[j] === undefined) this.#remember(key)
            asked.get(key)!(errors[j])
          }
        })
      }
    }
  }

  /**
   * Never rejects; answers with what went wrong with each. `'noted'`: they are to be used in their
   * new place now.
   */
  async carry(
    from: Shard,
    to: Shard,
    keys: readonly string[],
    noted?: 'noted',
  ): Promise<readonly (CacheError | undefined)[]> {
    const errors = await this.#tryToCarry(from, to, keys, noted)
    const late = [...keys.keys()].filter((i) => errors[i]?.code === 'RESHARDED')
    if (late.length === 0) return errors
    // It may only seem so: a server's clock may have been set.
    for (const shard of [from, to]) this.#clocks.forget(shard)
    const again = await this.#tryToCarry(
      from,
      to,
      late.map((i) => keys[i]!),
      noted,
    )
    for (const [at, i] of late.entries()) errors[i] = again[at]
    return errors
  }

  async #tryToCarry(
    from: Shard,
    to: Shard,
    keys: readonly string[],
    noted?: 'noted',
  ): Promise<(CacheError | undefined)[]> {
    const errors = new Array<CacheError | undefined>(keys.length)
    const [time, timeThere] = await Promise.all([
      this.#clocks.of(to),
      this.#lost.has(from.name) ? 0 : this.#clocks.of(from),
    ])
    if (time instanceof CacheError) return errors.fill(time)
    if (timeThere instanceof CacheError) return errors.fill(timeThere)
    const read = this.#lost.has(from.name)
      ? keys.map(() => NOTHING)
      : await this.#send(
          from,
          keys.map((key) => ({
            ...on(key, 'EVAL', takeLua, '2', key, this.#noteOf(key), String(LEFT_LIFE)),
            binary: true,
          })),
        )

    const found: {
      readonly i: number
      readonly key: string
      readonly life: number
      readonly payload: Buffer | null
      readonly left: boolean
    }[] = []
    for (const [i, reply] of read.entries()) {
      if (reply instanceof CacheError) errors[i] = reply
      else {
        const [life, payload, note] = reply as readonly [number, Buffer | null, number]
        // Nothing is to be done where somebody has moved it, and nothing has come there since then.
        if (payload !== null || (noted && note === 0))
          found.push({ i, key: keys[i]!, life, payload, left: note === 1 })
      }
    }
    const step = async (
      shard: Shard,
      some: typeof found,
      command: (one: (typeof found)[number]) => Command,
    ): Promise<void> => {
      const replies = await this.#send(shard, some.map(command))
      for (const [at, { i, key }] of some.entries())
        errors[i] =
          replies[at] === 0
            ? tooLate(key)
            : replies[at] instanceof CacheError
              ? replies[at]
              : undefined
    }
    await step(
      to,
      found.filter(({ left }) => !left),
      ({ key, life, payload }) =>
        on(
          key,
          'EVAL',
          arriveLua,
          '2',
          key,
          this.#noteOf(key),
          String(time + PATIENCE),
          noted ? String(USED_LIFE) : '0',
          String(life === -1 ? 0 : Math.max(1, life)),
          ...(payload ? [payload] : []),
        ),
    )
    if (this.#lost.has(from.name)) return errors
    const until = String(timeThere + PATIENCE)
    await step(
      from,
      found.filter(({ i }) => errors[i] === undefined),
      ({ key }) =>
        noted
          ? on(key, 'EVAL', leaveLua, '2', key, this.#noteOf(key), until, String(LEFT_LIFE))
          : on(key, 'EVAL', leaveLua, '1', key, until),
    )
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

/**
 * Ms from the beginning of a move until a key must be in its new place, and gone from the old one.
 */
const PATIENCE = 1_000
/**
 * Ms after which nobody stores any more what was read in an old place before it was left there,
 * within `PATIENCE` of a move's beginning.
 */
export const NOBODY_LATE = 2 * PATIENCE
/** Ms for which a note in a new place keeps away who is late. */
const USED_LIFE = NOBODY_LATE + 500
/** Ms for which a note in an old place does: longer than a command is on its way. */
const LEFT_LIFE = 60 * 60 * 1_000
const MOST_REMEMBERED = 1_000_000
const MOST_AT_ONCE = 100
/** What is read of a key on a shard that is lost. */
const NOTHING: Reply = [-2, null, 0]

function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

/** A key that has no hash tag, and can't be one. */
function tagOfSlot(wanted: number): string {
  for (let i = 0; ; i++) if (slot(String(i)) === wanted) return String(i)
}

function tooLate(key: string): CacheError {
  return new ConnectionError(
    `"${key}" was not moved to its new shard within ${PATIENCE} ms. Ask again.`,
    { code: 'RESHARDED', key },
  )
}
