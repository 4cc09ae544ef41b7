import type { Argument, Reply } from '@cache/core'
import { createToken } from '@cache/core/internal'
import { ReshardConflictError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import agreeLua from './agree.lua'
import type { Moment } from './change.js'
import correctLua from './correct.lua'
import endLua from './end.lua'
import forgetLua from './forget.lua'
import idLua from './id.lua'
import leaseLua from './lease.lua'
import ownLua from './own.lua'
import { answered, sendTo } from './sending.js'

export interface Agreed {
  /** As exactly as one answer tells. */
  readonly moment: Moment
  /** As the register has it, in ms of its server's clock. */
  readonly at: string
  /** What this change is known by, among all there have ever been. */
  readonly id: string
  /** The ids of the earlier changes that this one undoes. */
  readonly undoes: readonly string[]
  /** Everything has been moved. */
  readonly done: boolean
}

/** What all of the package's own keys begin with; they are moved nowhere. */
export const OWN = '{cache-shards}:'

/**
 * What processes agree upon when they change from one layout to another: a register on one of the
 * old shards, the first by name that is not lost. It stays for good, so that whoever still starts
 * with the old shards learns that they are no more.
 */
export class Agreement {
  readonly #from: Layout
  readonly #to: Layout
  readonly #lost: ReadonlySet<string>
  readonly #register: string
  readonly #registerOfNext: string
  readonly #sweeper: string
  readonly #next: string
  readonly #settle: number
  readonly #timeout: number
  /** What another process' lease held last, and since when it is known to. */
  #seenLease = { text: '', since: performance.now() }
  #ownLease = ''

  /** `lost` may grow. */
  constructor(
    from: Layout,
    to: Layout,
    { lost, settle, timeout }: { lost: ReadonlySet<string>; settle: number; timeout: number },
  ) {
    this.#from = from
    this.#to = to
    this.#lost = lost
    const present = from.fingerprint
    this.#next = to.fingerprint
    this.#register = `${OWN}after:${present}`
    this.#registerOfNext = `${OWN}after:${this.#next}`
    this.#sweeper = `${OWN}sweeper:${present}`
    this.#settle = settle
    this.#timeout = timeout
  }

  /**
   * Joins the change, or begins it. One that nobody goes through with is forgotten a minute after
   * its moment.
   *
   * @throws {ReshardConflictError}
   */
  async join(undoes: readonly string[]): Promise<Agreed> {
    return (await this.#agree(this.#settle, createToken(), undoes))!
  }

  /** `undefined`: the register is lost. */
  look(): Promise<Agreed | undefined> {
    return this.#agree('look')
  }

  /** It is gone through with: the register is to stay. */
  async keep(): Promise<void> {
    await this.#ask('PERSIST', this.#register)
  }

  /** Writes down again what has been lost; by default the moment has passed. */
  async renew(
    { id, undoes }: Agreed,
    moment: Moment = { earliest: 0, latest: 0 },
  ): Promise<Agreed> {
    return (await this.#agree(
      Math.max(0, Math.round(middleOf(moment) - performance.now())),
      id,
      undoes,
      (moment.latest - moment.earliest) / 2,
    ))!
  }

  /** The moment is not as the register says, since its server's clock has been set. */
  async correct({ at, moment: seen }: Agreed, moment: Moment): Promise<void> {
    const error = (seen.latest - seen.earliest + moment.latest - moment.earliest) / 2
    await this.#ask(
      'EVAL',
      ownLua + correctLua,
      '1',
      this.#register,
      at,
      String(Math.round(Number(at) + middleOf(moment) - middleOf(seen))),
      String(Math.ceil(error)),
      String(this.#settle + GRACE),
    )
  }

  async #agree(
    left: number | 'look',
    id = '',
    undoes: readonly string[] = [],
    wrong = 0,
  ): Promise<Agreed | undefined> {
    const asked = performance.now()
    const agreed = (await this.#ask(
      'EVAL',
      ownLua + agreeLua,
      '1',
      this.#register,
      this.#next,
      String(left),
      String(this.#settle + GRACE),
      id,
      undoes.join(' '),
      String(Math.ceil(wrong)),
    )) as [string, string, number, string, string, number, string] | null
    const answered = performance.now()
    if (!agreed) return undefined
    const [next, at, done, known, undone, error, now] = agreed
    if (next !== this.#next) throw new ReshardConflictError()
    const until = Number(at) - Number(now)
    // The server read its clock between the two, and counts whole ms.
    return {
      moment: { earliest: asked + until - 1 - error, latest: answered + until + 1 + error },
      at,
      id: known,
      undoes: undone.split(' ').filter(Boolean),
      done: done === 1,
    }
  }

  async hasBegun(): Promise<boolean> {
    return (await this.#ask('EVAL', ownLua + idLua, '1', this.#register)) !== null
  }

  /** The next shards are being changed, or have been: this change is over. */
  async isPast(): Promise<boolean> {
    const home = homeOf(this.#to.shards.filter(({ name }) => !this.#lost.has(name)))
    return (
      (await ask(home, this.#timeout, 'EVAL', ownLua + idLua, '1', this.#registerOfNext)) !== null
    )
  }

  /**
   * The ids of what came after the next shards when they were used before.
   *
   * @throws {CacheError} where one of the shards does not answer.
   */
  async earlier(): Promise<readonly string[]> {
    const ids = await Promise.all(
      this.#all().map((shard) =>
        ask(shard, this.#timeout, 'EVAL', ownLua + idLua, '1', this.#registerOfNext),
      ),
    )
    return [...new Set(ids.filter((id): id is string => typeof id === 'string' && id !== ''))]
  }

  /**
   * What came after the next shards when they were used before is not what comes after them now.
   */
  async forgetEarlier({ undoes }: Agreed): Promise<void> {
    if (undoes.length > 0)
      await Promise.all(
        this.#all().map((shard) =>
          ask(
            shard,
            this.#timeout,
            'EVAL',
            ownLua + forgetLua,
            '1',
            this.#registerOfNext,
            ...undoes,
          ),
        ),
      )
  }

  /** For a while: two that do it at once do no harm. */
  async maySweep(): Promise<boolean> {
    // The lease of one that has died may not end, if the server's clock was set back.
    const { text, since } = this.#seenLease
    const held = await this.#lease(performance.now() - since > SWEEPER ? text : this.#ownLease)
    if (held !== null && held !== text) this.#seenLease = { text: held, since: performance.now() }
    return held === null
  }

  async goOnSweeping(): Promise<void> {
    await this.#lease('*')
  }

  async #lease(instead: string): Promise<string | null> {
    const text = createToken()
    const held = (await this.#ask(
      'EVAL',
      ownLua + leaseLua,
      '1',
      this.#sweeper,
      text,
      String(SWEEPER),
      instead,
    )) as string | null
    if (held === null) this.#ownLease = text
    return held
  }

  async end(id: string): Promise<void> {
    await this.#ask('EVAL', ownLua + endLua, '2', this.#register, this.#sweeper, id)
  }

  #ask(...args: [string, ...Argument[]]): Promise<Reply> {
    const left = this.#left()
    return ask(homeOf(left.length > 0 ? left : this.#to.shards), this.#timeout, ...args)
  }

  #all(): readonly Shard[] {
    return [...new Set([...this.#from.shards, ...this.#to.shards])].filter(
      ({ name }) => !this.#lost.has(name),
    )
  }

  #left(): readonly Shard[] {
    return this.#from.shards.filter(({ name }) => !this.#lost.has(name))
  }
}

function middleOf({ earliest, latest }: Moment): number {
  return (earliest + latest) / 2
}

/** Where these keep the register of what comes after them. */
function homeOf(shards: readonly Shard[]): Shard {
  return [...shards].sort((a, b) => (a.name < b.name ? -1 : 1))[0]!
}

async function ask(
  shard: Shard,
  timeout: number,
  ...args: [string, ...Argument[]]
): Promise<Reply> {
  const [reply] = await sendTo(
    shard,
    [{ args, keys: [String(args[args[0] === 'EVAL' ? 3 : 1])] }],
    timeout,
  )
  return answered(reply)
}

/** Ms after its moment until a change is forgotten that nobody has gone through with. */
const GRACE = 60_000
/** Ms after which a sweeper that says nothing has died. */
const SWEEPER = 10_000
