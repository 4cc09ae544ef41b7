import type { Argument, CacheError, Reply } from '@cache/core'
import { ReshardConflictError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import agreeLua from './agree.lua'
import type { Moment } from './change.js'
import endLua from './end.lua'

export interface Agreed {
  /** As exactly as one answer tells. */
  readonly moment: Moment
  /** Everything has been moved. */
  readonly done: boolean
}

/** What all of the package's own keys begin with; they are moved nowhere. */
export const OWN = '{cache-shards}:'

/**
 * What processes agree upon when they change from one layout to another: a register on one of the old shards, the first by name that is not
 * lost.
 */
export class Agreement {
  readonly #shard: Shard
  readonly #all: ReadonlySet<Shard>
  readonly #register: string
  readonly #registerOfNext: string
  readonly #sweeper: string
  readonly #next: string
  readonly #settle: number
  readonly #timeout: number

  constructor(from: Layout, to: Layout, { lost, settle, timeout }: { lost: readonly string[]; settle: number; timeout: number }) {
    const left = from.shards.filter(({ name }) => !lost.includes(name))
    this.#shard = [...(left.length > 0 ? left : to.shards)].sort((a, b) => (a.name < b.name ? -1 : 1))[0]!
    this.#all = new Set([...left, ...to.shards])
    const present = from.fingerprint
    const next = to.fingerprint
    this.#register = `${OWN}after:${present}`
    this.#registerOfNext = `${OWN}after:${next}`
    this.#sweeper = `${OWN}sweeper:${present}`
    this.#next = [next, ...[...lost].sort()].join(' ')
    this.#settle = settle
    this.#timeout = timeout
  }

  /**
   * Joins the change, or begins it.
   *
   * @throws {ReshardConflictError}
   */
  async join(): Promise<Agreed> {
    return (await this.#agree(String(this.#settle)))!
  }

  /** `undefined`: the register is lost. */
  look(): Promise<Agreed | undefined> {
    return this.#agree('look')
  }

  async #agree(settle: string): Promise<Agreed | undefined> {
    const asked = performance.now()
    const agreed = (await this.#ask('EVAL', agreeLua, '1', this.#register, this.#next, settle, String(MEMORY + this.#settle))) as [string, string, number, string] | null
    const answered = performance.now()
    if (!agreed) return undefined
    const [next, at, done, now] = agreed
    if (next !== this.#next) throw new ReshardConflictError()
    const until = Number(at) - Number(now)
    // The server read its clock between the two, and counts whole ms.
    return { moment: { earliest: asked + until - 1, latest: answered + until + 1 }, done: done === 1 }
  }

  async hasBegun(): Promise<boolean> {
    return (await this.#ask('EXISTS', this.#register)) === 1
  }

  /** What came after the next shards when they were used before is not what comes after them now. To be called before it begins. */
  async forgetEarlier(): Promise<void> {
    await Promise.all([...this.#all].map((shard) => ask(shard, this.#timeout, 'DEL', this.#registerOfNext)))
  }

  /** For a while: two that do it at once do no harm. */
  async maySweep(): Promise<boolean> {
    return (await this.#ask('SET', this.#sweeper, '1', 'NX', 'PX', String(SWEEPER))) === 'OK'
  }

  async goOnSweeping(): Promise<void> {
    await this.#ask('SET', this.#sweeper, '1', 'PX', String(SWEEPER))
  }

  async end(): Promise<void> {
    await this.#ask('EVAL', endLua, '2', this.#register, this.#sweeper)
  }

  #ask(...args: [string, ...Argument[]]): Promise<Reply> {
    return ask(this.#shard, this.#timeout, ...args)
  }
}

async function ask(shard: Shard, timeout: number, ...args: [string, ...Argument[]]): Promise<Reply> {
  const [reply] = (await shard.send([{ args, keys: [args[0] === 'EVAL' ? String(args[3]) : String(args[1])] }], timeout)) as [Reply | CacheError]
  if (reply instanceof Error) throw reply
  return reply
}

/** Ms for which a change is remembered. */
const MEMORY = 24 * 60 * 60 * 1_000
/** Ms after which a sweeper that says nothing has died. */
const SWEEPER = 10_000
