import { CacheError, type CacheClient } from '@cache/core'
import { PendingReleases, createToken } from '@cache/core/internal'
import type { Partition } from './partitions.js'
import { abandonAttemptsScript, openSessionScript } from './scripts.js'

/** What the script of an attempt needs to know. */
interface Attempt {
  /** The key of the session. */
  readonly session: string
  readonly number: number
  /** The first arguments of the script. */
  readonly args: readonly [number: string, floor: string, abandoned: string, ttl: string]
}

/** Runs the script of an attempt and resolves to its outcome. */
type ExecuteAttempt = (attempt: Attempt) => Promise<string>

interface CachedSession {
  readonly opening: Promise<Session>
  /** Set once the session is open. */
  session?: Session
  /** By `performance.now()`. */
  usedAt: number
}

/** The sessions of this process: one for each partition in which it changes something. */
export class Sessions {
  readonly #client: CacheClient
  readonly #sessions = new Map<Partition, CachedSession>()
  readonly #releases = new PendingReleases()

  constructor(client: CacheClient) {
    this.#client = client
  }

  /**
   * Executes an attempt and resolves to its outcome. The partition executes it at most once,
   * however often it is sent. If this rejects and a later attempt is acknowledged, the partition
   * does not execute the first one afterwards. `key` is used in errors.
   */
  async attempt(partition: Partition, key: string, execute: ExecuteAttempt): Promise<string> {
    for (let round = 1; ; round++) {
      const session = await this.#sessionOf(partition)
      const number = session.begin()
      const ended = session.endedAttempts()
      try {
        const args = [String(number), ...ended.args, String(SESSION_TTL)] as const
        const outcome = await execute({ session: session.key, number, args })
        if (outcome === 'over')
          throw new CacheError(
            `An attempt at "${key}" arrived after it was given up. It was not executed.`,
            { code: 'GIVEN_UP', key },
          )
        if (outcome !== 'closed') {
          ended.reported()
          session.end(number)
          return outcome
        }
        this.#forget(partition, session)
        if (round === MAX_SESSIONS_PER_ATTEMPT)
          throw new CacheError(
            'Redis forgets sessions as soon as they are opened. Nothing was written. ' +
              'Check whether it is out of memory and has a volatile eviction policy.',
            { code: 'SESSION', key },
          )
      } catch (error) {
        this.#abandon(session, number)
        throw error
      }
    }
  }

  close(): Promise<void> {
    return this.#releases.close()
  }

  /** Returns the session of a partition, and opens one if necessary. */
  async #sessionOf(partition: Partition): Promise<Session> {
    const now = performance.now()
    const cached = this.#sessions.get(partition)
    // An idle session may expire soon, so it is replaced. But the partition must first learn of its
    // abandoned attempts.
    if (cached && (now - cached.usedAt < SESSION_TTL / 2 || cached.session?.hasUnreported)) {
      cached.usedAt = now
      return cached.opening
    }
    const opened: CachedSession = { opening: this.#open(partition), usedAt: now }
    this.#sessions.set(partition, opened)
    try {
      return (opened.session = await opened.opening)
    } catch (error) {
      if (this.#sessions.get(partition) === opened) this.#sessions.delete(partition)
      throw error
    }
  }

  async #open(partition: Partition): Promise<Session> {
    const session = new Session(partition.session(createToken()))
    const args = [String(session.floor), String(SESSION_TTL)]
    await this.#client.run(openSessionScript, [session.key], args)
    return session
  }

  /**
   * Forgets a session that Redis has forgotten. Redis refuses all of its attempts, and the next
   * attempt opens another session.
   */
  #forget(partition: Partition, session: Session): void {
    if (this.#sessions.get(partition)?.session === session) this.#sessions.delete(partition)
  }

  /**
   * Abandons an attempt whose outcome is unknown, so that the partition refuses it if it arrives
   * later. The next attempt reports that, and so does a background task.
   */
  #abandon(session: Session, attempt: number): void {
    session.abandon(attempt)
    const now = performance.now()
    if (now < session.reportingUntil) return
    session.reportingUntil = now + SESSION_TTL
    this.#releases.add({
      key: session.key,
      ttl: SESSION_TTL,
      release: () => this.#reportAbandoned(session),
    })
  }

  async #reportAbandoned(session: Session): Promise<void> {
    while (session.hasUnreported) {
      const ended = session.endedAttempts()
      await this.#client.run(abandonAttemptsScript, [session.key], ended.args)
      ended.reported()
    }
    session.reportingUntil = 0
  }
}

/**
 * Numbers the attempts of this process in one partition. The partition executes each attempt at
 * most once, however often a Redis client sends it and however late it arrives.
 *
 * The partition remembers the outcomes of the attempts that this process still waits for. Each
 * attempt reports which attempts have ended: all below `floor`, the lowest open one, and the
 * abandoned ones above it. The partition refuses an attempt that has ended. An abandoned attempt is
 * reported until the floor passes it, which happens when all attempts that were open at the same
 * time have settled. They settle within their timeout, so the list of abandoned attempts holds no
 * more than were begun in that time.
 *
 * Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)
 */
class Session {
  readonly key: string
  /** The `performance.now()` until which a background task reports abandoned attempts. */
  reportingUntil = 0
  readonly #open = new Set<number>()
  /** Abandoned attempts that the floor has not passed yet. */
  readonly #abandoned = new Set<number>()
  #next = 1
  /** The number of attempts that were abandoned so far. */
  #abandonments = 0
  /** The number of these that the partition has learned of. */
  #reported = 0

  constructor(key: string) {
    this.key = key
  }

  /** Whether the partition may still execute an attempt that was abandoned. */
  get hasUnreported(): boolean {
    return this.#reported < this.#abandonments
  }

  /** The lowest attempt that is open. */
  get floor(): number {
    const lowest = this.#open.values().next()
    return lowest.done ? this.#next : lowest.value
  }

  begin(): number {
    this.#open.add(this.#next)
    return this.#next++
  }

  end(attempt: number): void {
    this.#open.delete(attempt)
    const { floor } = this
    for (const abandoned of this.#abandoned)
      if (abandoned < floor) this.#abandoned.delete(abandoned)
  }

  abandon(attempt: number): void {
    this.#abandoned.add(attempt)
    this.#abandonments++
    this.end(attempt)
  }

  /**
   * Returns the attempts that have ended, as arguments of a script. Call `reported` once the
   * partition has received them.
   */
  endedAttempts(): {
    readonly args: readonly [floor: string, abandoned: string]
    reported(): void
  } {
    const abandonments = this.#abandonments
    return {
      args: [String(this.floor), [...this.#abandoned].join(' ')],
      reported: () => {
        this.#reported = Math.max(this.#reported, abandonments)
      },
    }
  }
}

/** Milliseconds for which a partition remembers the session of an idle writer. */
const SESSION_TTL = 600_000
/** How many sessions one attempt opens if Redis forgets them at once. */
const MAX_SESSIONS_PER_ATTEMPT = 5
