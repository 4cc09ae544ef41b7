import type { Argument, Reply } from '@cache/core'
import { createToken, timeLua } from '@cache/core/internal'
import { ReshardConflictError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import completeChangeLua from './complete-change.lua'
import correctSwitchTimeLua from './correct-switch-time.lua'
import forgetChangeLua from './forget-change.lua'
import { OWN_PREFIX } from './internal-keys.js'
import joinChangeLua from './join-change.lua'
import readChangeIdLua from './read-change-id.lua'
import registerHelpersLua from './register-helpers.lua'
import { unwrap } from './unwrap.js'
import type { SwitchTime } from './shard-change.js'
import sweepLeaseLua from './sweep-lease.lua'

/** What the register says about a change. */
export interface AgreedChange {
  /** The switch time, as exactly as one reply tells. */
  readonly switchTime: SwitchTime
  /** The switch time as the register stores it, in ms of its server's clock. */
  readonly at: string
  /** Id of the change, unique among all changes there have ever been. */
  readonly id: string
  /** Ids of the earlier changes that this one undoes. */
  readonly undoes: readonly string[]
  /** Whether every key has been moved. */
  readonly done: boolean
}

export interface ReshardRegisterOptions {
  /** Names of the shards that are gone for good. The set may grow. */
  readonly lost: ReadonlySet<string>
  /** Ms for which a change is announced before the switch. */
  readonly announceFor: number
  /** Ms that a shard has to answer. */
  readonly timeout: number
}

/**
 * The register through which processes agree on a change from one layout to another. It is a hash
 * on one of the old shards: the first one by name that is not lost. It stays for good, so that a
 * process that still starts with the old shards learns of the change.
 */
export class ReshardRegister {
  readonly #from: Layout
  readonly #to: Layout
  readonly #lost: ReadonlySet<string>
  readonly #announceFor: number
  readonly #timeout: number
  readonly #nextFingerprint: string
  readonly #key: string
  /** The register of the change that replaces the next layout. */
  readonly #keyOfNext: string
  readonly #sweepLeaseKey: string
  /** The sweep lease of another process: its last known token, and since when it is known. */
  #foreignLease = { token: '', since: performance.now() }
  #ownLeaseToken = ''

  constructor(from: Layout, to: Layout, options: ReshardRegisterOptions) {
    this.#from = from
    this.#to = to
    this.#lost = options.lost
    this.#announceFor = options.announceFor
    this.#timeout = options.timeout
    const presentFingerprint = from.fingerprint
    this.#nextFingerprint = to.fingerprint
    this.#key = `${OWN_PREFIX}after:${presentFingerprint}`
    this.#keyOfNext = `${OWN_PREFIX}after:${this.#nextFingerprint}`
    this.#sweepLeaseKey = `${OWN_PREFIX}sweeper:${presentFingerprint}`
  }

  /**
   * Joins the change, or begins it. A change that no process completes is forgotten a minute after
   * its switch time.
   *
   * @throws {ReshardConflictError} if another change of these shards has begun.
   */
  async join(undoes: readonly string[]): Promise<AgreedChange> {
    return (await this.#joinOrRead(this.#announceFor, createToken(), undoes))!
  }

  /** Reads the change; `undefined` if the register is lost. */
  read(): Promise<AgreedChange | undefined> {
    return this.#joinOrRead('look')
  }

  /** Whether the change has begun. */
  async hasBegun(): Promise<boolean> {
    return (await this.#runOnRegister(readChangeIdLua)) !== null
  }

  /** Keeps the register for good. Call it when the change is certain to happen. */
  async persist(): Promise<void> {
    await this.#sendToRegister('PERSIST', this.#key)
  }

  /**
   * Writes a lost register again.
   *
   * @param switchTime The default is a switch time that has passed.
   */
  async restore(
    { id, undoes }: AgreedChange,
    switchTime: SwitchTime = { earliest: 0, latest: 0 },
  ): Promise<AgreedChange> {
    return (await this.#joinOrRead(
      Math.max(0, Math.round(middleOf(switchTime) - performance.now())),
      id,
      undoes,
      (switchTime.latest - switchTime.earliest) / 2,
    ))!
  }

  /** Corrects the stored switch time, because the clock of the register's server was set. */
  async correct({ at, switchTime: stored }: AgreedChange, switchTime: SwitchTime): Promise<void> {
    const error = (stored.latest - stored.earliest + switchTime.latest - switchTime.earliest) / 2
    await this.#runOnRegister(
      correctSwitchTimeLua,
      at,
      String(Math.round(Number(at) + middleOf(switchTime) - middleOf(stored))),
      String(Math.ceil(error)),
      String(this.#announceFor + EXPIRES_AFTER_SWITCH),
    )
  }

  /** Records that every key has been moved, and releases the sweep lease. */
  async complete(id: string): Promise<void> {
    await this.#sendToRegister(
      'EVAL',
      registerHelpersLua + completeChangeLua,
      '2',
      this.#key,
      this.#sweepLeaseKey,
      id,
    )
  }

  /** Whether the next layout has been replaced as well, or is being replaced. */
  async isSuperseded(): Promise<boolean> {
    const shard = registerShard(this.#to.shards.filter(({ name }) => !this.#lost.has(name)))
    return (await this.#run(shard, readChangeIdLua, this.#keyOfNext)) !== null
  }

  /**
   * Returns the ids of the changes that replaced the next layout when it was used before.
   *
   * @throws {CacheError} if a shard does not answer.
   */
  async earlierChanges(): Promise<readonly string[]> {
    const ids = await Promise.all(
      this.#reachableShards().map((shard) => this.#run(shard, readChangeIdLua, this.#keyOfNext)),
    )
    return [...new Set(ids.filter((id): id is string => typeof id === 'string' && id !== ''))]
  }

  /**
   * Deletes the registers of the changes that this one undoes. Otherwise the next layout would seem
   * to have been replaced already.
   */
  async forgetUndoneChanges({ undoes }: AgreedChange): Promise<void> {
    if (undoes.length > 0)
      await Promise.all(
        this.#reachableShards().map((shard) =>
          this.#run(shard, forgetChangeLua, this.#keyOfNext, ...undoes),
        ),
      )
  }

  /**
   * Tries to acquire the sweep lease for a while; resolves with whether this process has it. Two
   * processes that sweep at once do no harm.
   */
  async acquireSweepLease(): Promise<boolean> {
    // The lease of a dead process may not expire if the server's clock was set back.
    const { token, since } = this.#foreignLease
    const isStale = performance.now() - since > SWEEP_LEASE_TTL
    const holder = await this.#replaceLease(isStale ? token : this.#ownLeaseToken)
    if (holder !== null && holder !== token)
      this.#foreignLease = { token: holder, since: performance.now() }
    return holder === null
  }

  async renewSweepLease(): Promise<void> {
    await this.#replaceLease('*')
  }

  /** Returns `null`, or the token of the process that holds the lease. */
  async #replaceLease(replaceable: string): Promise<string | null> {
    const token = createToken()
    const holder = (await this.#sendToRegister(
      'EVAL',
      registerHelpersLua + sweepLeaseLua,
      '1',
      this.#sweepLeaseKey,
      token,
      String(SWEEP_LEASE_TTL),
      replaceable,
    )) as string | null
    if (holder === null) this.#ownLeaseToken = token
    return holder
  }

  async #joinOrRead(
    untilSwitch: number | 'look',
    id = '',
    undoes: readonly string[] = [],
    errorBound = 0,
  ): Promise<AgreedChange | undefined> {
    const sentAt = performance.now()
    const reply = (await this.#runOnRegister(
      timeLua + joinChangeLua,
      this.#nextFingerprint,
      String(untilSwitch),
      String(this.#announceFor + EXPIRES_AFTER_SWITCH),
      id,
      undoes.join(' '),
      String(Math.ceil(errorBound)),
    )) as JoinReply | null
    const receivedAt = performance.now()
    if (!reply) return undefined
    const [nextFingerprint, at, done, agreedId, agreedUndoes, error, now] = reply
    if (nextFingerprint !== this.#nextFingerprint) throw new ReshardConflictError()
    const left = Number(at) - Number(now)
    return {
      // The server read its clock between the two times, and its clock counts whole ms.
      switchTime: { earliest: sentAt + left - 1 - error, latest: receivedAt + left + 1 + error },
      at,
      id: agreedId,
      undoes: agreedUndoes.split(' ').filter(Boolean),
      done: done === 1,
    }
  }

  /** Runs a script on the register of this change. */
  #runOnRegister(lua: string, ...args: Argument[]): Promise<Reply> {
    return this.#sendToRegister('EVAL', registerHelpersLua + lua, '1', this.#key, ...args)
  }

  #sendToRegister(...args: [string, ...Argument[]]): Promise<Reply> {
    const oldShards = this.#from.shards.filter(({ name }) => !this.#lost.has(name))
    return this.#send(registerShard(oldShards.length > 0 ? oldShards : this.#to.shards), ...args)
  }

  #run(shard: Shard, lua: string, key: string, ...args: Argument[]): Promise<Reply> {
    return this.#send(shard, 'EVAL', registerHelpersLua + lua, '1', key, ...args)
  }

  async #send(shard: Shard, ...args: [string, ...Argument[]]): Promise<Reply> {
    const key = String(args[args[0] === 'EVAL' ? 3 : 1])
    return unwrap(await shard.send([{ args, keys: [key] }], this.#timeout)[0]!)
  }

  /** All shards, old and new, that are not lost. */
  #reachableShards(): readonly Shard[] {
    return [...new Set([...this.#from.shards, ...this.#to.shards])].filter(
      ({ name }) => !this.#lost.has(name),
    )
  }
}

/** What `join-change.lua` returns. */
type JoinReply = [
  nextFingerprint: string,
  at: string,
  done: number,
  id: string,
  undoes: string,
  error: number,
  now: string,
]

function middleOf({ earliest, latest }: SwitchTime): number {
  return (earliest + latest) / 2
}

/** Returns the shard on which a set of shards keeps its register. */
function registerShard(shards: readonly Shard[]): Shard {
  return [...shards].sort((a, b) => (a.name < b.name ? -1 : 1))[0]!
}

/** Ms after its switch time until a change that no process completes is forgotten. */
const EXPIRES_AFTER_SWITCH = 60_000
/** Ms after which a process that does not renew its sweep lease is taken for dead. */
const SWEEP_LEASE_TTL = 10_000
