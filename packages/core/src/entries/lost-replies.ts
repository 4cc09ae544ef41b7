import type { PendingReleases } from '../client/pending-releases.js'
import { CacheError, ServerError } from '../errors.js'
import { entryKeys, type EntryKeys } from './entry-keys.js'
import { commitWriteScript, giveUpScript } from './scripts.js'
import type { StepRunner } from './step-runner.js'

/** Ends leases and writes whose requests got no reply, and may have run, or may still arrive. */
export class LostReplies {
  readonly #runner: StepRunner
  readonly #pending: PendingReleases
  readonly #sinceResend: () => number

  /** `sinceResend` is that of the `Driver`. */
  constructor(runner: StepRunner, pending: PendingReleases, sinceResend: () => number) {
    this.#runner = runner
    this.#pending = pending
    this.#sinceResend = sinceResend
  }

  /**
   * Returns for how many ms the first step of a token may still arrive, as a script argument. A
   * Redis client may have sent it twice, and got a reply to only one of them. If the other arrived
   * later, it would begin a write, or take a lease, that nobody ends.
   */
  lateFor(): string {
    return String(this.#sinceResend() < MAY_ARRIVE_FOR_MS ? MAY_ARRIVE_FOR_MS : 0)
  }

  /** Takes back a lease in the background. It may have been granted, or may still be. */
  giveUpLease(key: string, token: string): void {
    const args = [token, String(MAY_ARRIVE_FOR_MS)]
    this.#pending.add({
      key,
      ttl: RETRY_FOR_MS,
      bytes: 3 * key.length,
      release: () =>
        this.#runner.run(giveUpScript, entryKeys(key), args, this.#runner.writeTimeout),
    })
  }

  /** Ends writes in the background, and deletes their entries. They may have begun, or may yet. */
  giveUpWrites(all: readonly EntryKeys[], token: string): void {
    const args = [token, 'none', '', '0', String(MAY_ARRIVE_FOR_MS)]
    const keys = all.map(([key]) => key)
    this.#pending.add({
      key: keys[0]!,
      ttl: RETRY_FOR_MS,
      bytes: 3 * keys.reduce((sum, key) => sum + key.length, 0),
      release: () =>
        this.#runner.changing(keys, (change) =>
          this.#runner.mapEach(all, (each) =>
            this.#runner.runChange(commitWriteScript, each, args, change),
          ),
        ),
    })
  }
}

/** Whether the request that failed with this error may have run, or may still run. */
export function mayHaveRun(error: unknown): boolean {
  return !(
    error instanceof ServerError ||
    (error instanceof CacheError && NOT_SENT_CODES.includes(error.code))
  )
}

const NOT_SENT_CODES: readonly string[] = ['OVERLOADED', 'CIRCUIT_OPEN', 'INVALID_KEY', 'NOT_SENT']

/**
 * For how long a request that got no reply may still reach the server, from a connection that was
 * given up.
 */
const MAY_ARRIVE_FOR_MS = 60_000
/** For how long taking back is retried. */
const RETRY_FOR_MS = 600_000
