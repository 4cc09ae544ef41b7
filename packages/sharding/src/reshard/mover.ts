import { CacheError, ConnectionError, hashTag, type Command, type Reply } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import restoreLua from './restore.lua'

/**
 * Moves keys from their old places into the new ones, each before this process first uses it there.
 *
 * Nobody writes to an old place any more, so what is gone from there stays gone, and a key is used in its new place only by those who have seen
 * that. What is left is the one who read the old place before that, and stores what it read much later: each process leaves a mark in the new
 * place before its first command there, which keeps the late one from storing; and who is later than a mark lives is refused by the clock.
 */
export class Mover {
  readonly #from: Layout
  readonly #to: Layout
  readonly #lost: readonly string[]
  readonly #timeout: number
  readonly #id: string
  /** Nothing is left of them in the old place, and the mark is set. May be forgotten: it is seen again. */
  readonly #settled = new Set<string>()
  readonly #underWay = new Map<string, Promise<CacheError | undefined>>()
  readonly #clocks = new Map<Shard, { readonly at: number; readonly time: number }>()

  constructor(from: Layout, to: Layout, { lost, timeout, id }: { lost: readonly string[]; timeout: number; id: string }) {
    this.#from = from
    this.#to = to
    this.#lost = lost
    this.#timeout = timeout
    this.#id = id
  }

  /** Answers with what went wrong, by key. */
  async move(keys: readonly string[]): Promise<ReadonlyMap<string, CacheError>> {
    const missing = new Set(keys.filter((key) => !this.#settled.has(key) && !this.#underWay.has(key)))
    for (const part of this.#parts([...missing])) {
      const moving = this.carry(part.from, part.to, part.keys, 'marked')
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

  /** Never rejects; answers with what went wrong with each. `marked`: they are to be used in their new place now. */
  async carry(from: Shard, to: Shard, keys: readonly string[], marked?: 'marked'): Promise<(CacheError | undefined)[]> {
    const errors = new Array<CacheError | undefined>(keys.length)
    const fail = (i: number, reply: Reply | CacheError | undefined): boolean => {
      if (reply instanceof CacheError) errors[i] ??= reply
      return errors[i] !== undefined
    }
    const open = (): number[] => [...keys.keys()].filter((i) => errors[i] === undefined)
    const stillThere = this.#lost.includes(from.name) ? [] : open()

    const time = stillThere.length > 0 ? await this.#clockOf(to) : 0
    if (time instanceof CacheError) return errors.fill(time)
    const read = await this.#send(from, stillThere.flatMap((i) => [on(keys[i]!, 'PTTL', keys[i]!), { ...on(keys[i]!, 'DUMP', keys[i]!), binary: true }]))
    const found = stillThere.map((i, at) => ({ i, life: read[2 * at]!, payload: read[2 * at + 1]! })).filter(({ i, life, payload }) => !fail(i, life) && !fail(i, payload) && payload !== null)

    const restored = await this.#send(to, found.map(({ i, life, payload }) => {
      const ttl = life === -1 ? 0 : Math.max(1, life as number)
      return on(keys[i]!, 'EVAL', restoreLua, '2', keys[i]!, this.#markOf(keys[i]!), payload as Buffer, String(ttl), String(time + PATIENCE))
    }))
    const settled = found.filter(({ i }, at) => !fail(i, restored[at] === 0 ? tooLate(keys[i]!) : restored[at]))
    const removed = await this.#send(from, settled.map(({ i }) => on(keys[i]!, 'UNLINK', keys[i]!)))
    for (const [at, { i }] of settled.entries()) fail(i, removed[at])

    if (marked) {
      const rest = open()
      const marks = await this.#send(to, rest.map((i) => on(keys[i]!, 'SET', this.#markOf(keys[i]!), '', 'PX', String(MARK_LIFE))))
      for (const [at, i] of rest.entries()) fail(i, marks[at])
    }
    return errors
  }

  /** Whether a key is one of the marks. */
  static isMark(key: string): boolean {
    return /:resharded:[0-9a-f]{12}$/.test(key)
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

  #markOf(key: string): string {
    return `${hashTag(key) === undefined ? `{${key}}` : key}:resharded:${this.#id}`
  }

  /** What the shard's clock shows by now at least, in ms. */
  async #clockOf(shard: Shard): Promise<number | CacheError> {
    let clock = this.#clocks.get(shard)
    if (!clock || performance.now() - clock.at > CLOCK_LIFE) {
      const [reply] = await this.#send(shard, [{ args: ['TIME'], keys: [] }])
      if (reply instanceof CacheError) return reply
      const [seconds, microseconds] = reply as readonly [string, string]
      clock = { at: performance.now(), time: Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000) }
      this.#clocks.set(shard, clock)
    }
    return Math.floor(clock.time + performance.now() - clock.at)
  }

  async #send(shard: Shard, commands: readonly Command[]): Promise<readonly (Reply | CacheError)[]> {
    if (commands.length === 0) return []
    return shard.send(commands, this.#timeout).catch((cause: unknown) => {
      const error = new CacheError(`The driver of shard "${shard.name}" threw instead of answering.`, { code: 'DRIVER', cause })
      return commands.map(() => error)
    })
  }
}

/** Ms from the reading of a key in its old place until it must be in its new one. */
const PATIENCE = 1_000
/** Ms for which a mark keeps away who is late; and after which nobody can be. */
export const MARK_LIFE = 2 * PATIENCE
const CLOCK_LIFE = 10_000
const MOST_REMEMBERED = 1_000_000

function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

function tooLate(key: string): CacheError {
  return new ConnectionError(`"${key}" was not moved to its new shard within ${PATIENCE} ms of being read from the old one. It is where it was; ask again.`, { code: 'RESHARDED', key })
}
