import { CacheError, type CacheClient } from '@cache/core'
import { PendingReleases, createToken } from '@cache/core/internal'
import { DurabilityError } from './errors.js'
import type { Partition } from './partitions.js'
import { abandonScript, openScript } from './scripts.js'

/** One attempt, as its script is told of it. */
interface Attempt {
  /** The key of its session. */
  readonly session: string
  readonly number: number
  /** The first arguments of its script: its number, what is over, and the session's ttl. */
  readonly args: readonly [number: string, floor: string, abandoned: string, ttl: string]
}

/**
 * Numbers what this process attempts in one partition, so that the partition executes each attempt
 * at most once, however often a Redis client sends it, and however late it arrives.
 *
 * The partition remembers what the attempts came to whose outcome is still waited for. Each attempt
 * tells which are over: all below `floor`, the lowest that is open, and those above it that were
 * abandoned. What is over is refused if it arrives after all. An abandoned attempt is named until
 * the floor has passed it, which is when those that were open beside it have settled; they do so
 * within their timeout. So no more are named than were begun meanwhile.
 *
 * Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)
 */
class Session {
  readonly key: string
  /** Until when (performance.now()) a release of its abandoned attempts is tried. */
  releasedUntil = 0
  readonly #open = new Set<number>()
  /** Abandoned attempts that the floor has not passed. */
  readonly #abandoned = new Set<number>()
  #next = 1
  /** How many were abandoned so far, and how many of those the partition has been told of. */
  #abandonments = 0
  #told = 0

  constructor(key: string) {
    this.key = key
  }

  /** Whether the partition may still execute an attempt that was abandoned. */
  get hasUntold(): boolean {
    return this.#told < this.#abandonments
  }

  begin(): number {
    this.#open.add(this.#next)
    return this.#next++
  }

  end(attempt: number): void {
    this.#open.delete(attempt)
    const { floor } = this
    for (const one of this.#abandoned) if (one < floor) this.#abandoned.delete(one)
  }

  abandon(attempt: number): void {
    this.#abandoned.add(attempt)
    this.#abandonments++
    this.end(attempt)
  }

  /** What is over. `told` is to be called once the partition has heard of it. */
  over(): { readonly args: readonly [floor: string, abandoned: string]; told(): void } {
    const abandonments = this.#abandonments
    return {
      args: [String(this.floor), [...this.#abandoned].join(' ')],
      told: () => {
        this.#told = Math.max(this.#told, abandonments)
      },
    }
  }

  /** The lowest attempt that is open. */
  get floor(): number {
    const lowest = this.#open.values().next()
    return lowest.done ? this.#next : lowest.value
  }
}

/** Runs the script of an attempt, and resolves to what it came to. */
type Ask = (attempt: Attempt) => Promise<string>

interface Opened {
  readonly opening: Promise<Session>
  /** Once it is open. */
  session?: Session
  usedAt: number
}

/** The sessions of a process, one for each partition in which it changes something. */
export class Sessions {
  readonly #client: CacheClient
  readonly #sessions = new Map<Partition, Opened>()
  readonly #abandoned = new PendingReleases()

  constructor(client: CacheClient) {
    this.#client = client
  }

  /**
   * Attempts something once. It is done at most once, however often it is sent; and not at all once
   * this has rejected and a later attempt is acknowledged. `ask` runs its script, and resolves to
   * what it came to. `key`: for errors.
   */
  async attempt(partition: Partition, key: string, ask: Ask): Promise<string> {
    for (let round = 1; ; round++) {
      const session = await this.#of(partition)
      const number = session.begin()
      const over = session.over()
      try {
        const args = [String(number), ...over.args, String(SESSION_TTL)] as const
        const outcome = await ask({ session: session.key, number, args })
        if (outcome === 'over')
          throw new CacheError(
            `An attempt at "${key}" arrived after it was given up. It was not executed.`,
            { code: 'GIVEN_UP', key },
          )
        if (outcome !== 'closed') {
          over.told()
          session.end(number)
          return outcome
        }
        this.#drop(partition, session)
        if (round === MOST_SESSIONS)
          throw new CacheError(
            `Redis forgets sessions as soon as they are opened. Nothing was written. Is it out of memory, with a volatile eviction policy?`,
            { code: 'SESSION', key },
          )
      } catch (error) {
        if (error instanceof DurabilityError) session.end(number)
        else this.#abandon(session, number)
        throw error
      }
    }
  }

  close(): Promise<void> {
    return this.#abandoned.close()
  }

  async #of(partition: Partition): Promise<Session> {
    const now = performance.now()
    const known = this.#sessions.get(partition)
    // One that has sat idle may end soon; but what it abandoned is to be refused before anything is
    // attempted elsewhere.
    if (known && (now - known.usedAt < SESSION_TTL / 2 || known.session?.hasUntold)) {
      known.usedAt = now
      return known.opening
    }
    const opened: Opened = { opening: this.#start(partition), usedAt: now }
    this.#sessions.set(partition, opened)
    try {
      return (opened.session = await opened.opening)
    } catch (error) {
      if (this.#sessions.get(partition) === opened) this.#sessions.delete(partition)
      throw error
    }
  }

  /**
   * The partition has forgotten the session, and refuses all its attempts: the next one opens
   * another.
   */
  #drop(partition: Partition, session: Session): void {
    if (this.#sessions.get(partition)?.session === session) this.#sessions.delete(partition)
  }

  /**
   * The outcome of an attempt is not known: it is refused if it arrives from now on. The next
   * attempt says so too.
   */
  #abandon(session: Session, attempt: number): void {
    session.abandon(attempt)
    const now = performance.now()
    if (now < session.releasedUntil) return
    session.releasedUntil = now + SESSION_TTL
    this.#abandoned.add({
      key: session.key,
      ttl: SESSION_TTL,
      release: () => this.#release(session),
    })
  }

  async #release(session: Session): Promise<void> {
    while (session.hasUntold) {
      const over = session.over()
      await this.#client.run(abandonScript, [session.key], over.args)
      over.told()
    }
    session.releasedUntil = 0
  }

  async #start(partition: Partition): Promise<Session> {
    const session = new Session(partition.session(createToken()))
    await this.#client.run(openScript, [session.key], [String(session.floor), String(SESSION_TTL)])
    return session
  }
}

/** Ms for which a partition remembers the session of a writer that attempts nothing. */
const SESSION_TTL = 600_000
/** Sessions that are opened for one attempt, if Redis forgets them at once. */
const MOST_SESSIONS = 5
