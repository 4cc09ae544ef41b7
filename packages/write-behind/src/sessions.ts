import { PendingReleases, createToken, type CacheClient } from '@cache/core'
import type { Partition } from './partitions.js'
import { abandonScript, openScript } from './scripts.js'

/**
 * Numbers what this process attempts to write in one partition, so that the partition executes each attempt at most once, however
 * often a Redis client sends it, and however late it arrives.
 *
 * The partition remembers the attempts that it has executed and whose outcome is still waited for. Each attempt tells the lowest number
 * that is not over; what is below is forgotten, and refused if it arrives after all.
 *
 * Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)
 */
export class Session {
  readonly key: string
  /** Until when (performance.now()) a release of its abandoned attempts is tried. */
  releasedUntil = 0
  /** Attempts were abandoned since that release was sent last. */
  hasAbandoned = false
  readonly #open = new Set<number>()
  #next = 1

  constructor(key: string) {
    this.key = key
  }

  /** The lowest attempt that is not over. */
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
  }
}

/** The sessions of a process, one for each partition that it writes to. */
export class Sessions {
  readonly #client: CacheClient
  readonly #sessions = new Map<Partition, { readonly session: Promise<Session>; usedAt: number }>()
  readonly #abandoned = new PendingReleases()

  constructor(client: CacheClient) {
    this.#client = client
  }

  async of(partition: Partition): Promise<Session> {
    const now = performance.now()
    const known = this.#sessions.get(partition)
    if (known && now - known.usedAt < SESSION_TTL / 2) {
      known.usedAt = now
      return known.session
    }
    const session = this.#start(partition)
    this.#sessions.set(partition, { session, usedAt: now })
    session.catch(() => this.#drop(partition, session))
    return session
  }

  /** The partition has forgotten the session: the next attempt opens another one. */
  async forget(partition: Partition, session: Session): Promise<void> {
    const known = this.#sessions.get(partition)
    if (known && (await known.session.catch(() => undefined)) === session) this.#drop(partition, known.session)
  }

  /** The outcome of an attempt is not known: it is refused if it arrives from now on. The writer's next attempt says so too. */
  abandon(session: Session, attempt: number): void {
    session.end(attempt)
    session.hasAbandoned = true
    const now = performance.now()
    if (now < session.releasedUntil) return
    session.releasedUntil = now + SESSION_TTL
    this.#abandoned.add({ key: session.key, ttl: SESSION_TTL, release: () => this.#release(session) })
  }

  async #release(session: Session): Promise<void> {
    while (session.hasAbandoned) {
      session.hasAbandoned = false
      try {
        await this.#client.run(abandonScript, [session.key], [String(session.floor)])
      } catch (error) {
        session.hasAbandoned = true
        throw error
      }
    }
    session.releasedUntil = 0
  }

  close(): Promise<void> {
    return this.#abandoned.close()
  }

  async #start(partition: Partition): Promise<Session> {
    const session = new Session(partition.session(createToken()))
    await this.#client.run(openScript, [session.key], [String(session.floor), String(SESSION_TTL)])
    return session
  }

  #drop(partition: Partition, session: Promise<Session>): void {
    if (this.#sessions.get(partition)?.session === session) this.#sessions.delete(partition)
  }
}

/** Ms for which a partition remembers the session of a writer that writes nothing. */
export const SESSION_TTL = 600_000
