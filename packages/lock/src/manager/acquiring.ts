import { CacheError, ServerError } from '@cache/core'
import { onAbort, type Deadline, type Handle } from '@cache/core/internal'
import type { Closing } from './closing.js'
import { deadlines } from './deadlines.js'
import { LockTimeoutError } from '../errors.js'
import {
  POLL,
  type Busy,
  type Claim,
  type Granted,
  type GrantedClaim,
  type Ground,
} from '../backends/backend.js'
import { neverSent } from './never-sent.js'

export interface Patience {
  /** Ms. */
  readonly wait: number
  /** Who waits gives up when it aborts, with its reason. */
  readonly signal: AbortSignal | undefined
  readonly closing: Closing
}

/**
 * Asks until a claim is granted. Rejects with `LockTimeoutError` after `wait`, with a signal's
 * reason when it aborts, with what Redis refuses for good. Whatever becomes of it, no lock, place
 * in the queue, timer or listener is left behind.
 */
export async function acquire(
  ground: Ground,
  newClaim: () => Claim,
  { wait, signal, closing }: Patience,
): Promise<GrantedClaim> {
  signal?.throwIfAborted()
  closing.throwIfClosed()
  const end = new End(wait, signal, closing)
  const turn = new Turn()
  let claim = newClaim()
  let stopListening: (() => void) | undefined
  let ticket = '0'
  let trouble: Error | undefined
  let failures = 0
  let asked = false // whether Redis may have heard of the claim
  const startAnew = (): void => {
    claim = newClaim()
    asked = false
    stopListening?.()
    stopListening = undefined
  }
  try {
    for (;;) {
      turn.reset()
      const outcome = await end.orEarlier(attempt(ground, claim, ticket))
      asked ||= !neverSent(outcome)
      if (outcome === 'ended') break
      let pause: number
      if (outcome instanceof Error) {
        trouble = outcome
        if (isFinal(outcome)) break
        pause = Math.min(FIRST_PAUSE * 2 ** failures++, POLL)
      } else if (outcome.held) {
        if (outcome.deadline > performance.now()) return { claim, granted: outcome }
        void ground.abandon(claim) // the answer was slower than the ttl, and is worth nothing
        startAnew()
        pause = FIRST_PAUSE
      } else {
        trouble = undefined
        failures = 0
        ticket = outcome.ticket
        stopListening ??= ground.listen(claim.token, () => turn.come())
        pause = Math.min(outcome.again + 1, POLL)
      }
      if ((await end.orEarlier(turn.orAfter(pause))) === 'ended') break
      if (ground.tokenPerAttempt) startAnew()
    }
    // what was asked last may have been granted, or may still be
    if (asked) await withinGrace(ground.abandon(claim))
    throw (
      end.reason() ??
      (trouble && isFinal(trouble) ? trouble : new LockTimeoutError(claim.name, wait, trouble))
    )
  } finally {
    stopListening?.()
    turn.clear()
    end.clear()
  }
}

/** Asks once. Resolves to `undefined` where others hold it. */
export async function tryAcquire(ground: Ground, claim: Claim): Promise<Granted | undefined> {
  const outcome = await attempt(ground, claim)
  if (!(outcome instanceof Error) && (!outcome.held || outcome.deadline > performance.now()))
    return outcome.held ? outcome : undefined
  if (!neverSent(outcome)) void ground.abandon(claim)
  if (outcome instanceof Error) throw outcome
  return undefined
}

/** Waits for `work`, but not for longer than its caller is patient, who is told as by `acquire`. */
export async function within<T>(
  work: Promise<T>,
  name: string,
  { wait, signal, closing }: Patience,
): Promise<T> {
  const end = new End(wait, signal, closing)
  try {
    const outcome = await end.orEarlier(work)
    if (outcome === 'ended') throw end.reason() ?? new LockTimeoutError(name, wait)
    return outcome
  } finally {
    end.clear()
  }
}

function attempt(ground: Ground, claim: Claim, ticket?: string): Promise<Granted | Busy | Error> {
  return ground.take(claim, ticket).catch((error: Error) => error)
}

/**
 * What is left of a claim is taken back before its caller is told, so that it finds nothing; but
 * Redis may be silent.
 */
export async function withinGrace(work: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, GRACE)
    void work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Asking again does not help. What a failover or a restart answers meanwhile passes. */
function isFinal(error: Error): boolean {
  if (error instanceof ServerError) return !PASSING.has(error.code)
  return (
    !(error instanceof CacheError) ||
    error.code === 'INVALID_KEY' ||
    error.code === 'INVALID_OPTION'
  )
}

const PASSING = new Set([
  'LOADING',
  'READONLY',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MASTERDOWN',
  'BUSY',
  'MOVED',
  'ASK',
  'NOREPLICAS',
])
const FIRST_PAUSE = 20
const GRACE = 50

/** When waiting is over: the time is up, the caller's signal aborts, or the locks are closed. */
class End {
  readonly #ended: Promise<'ended'>
  readonly #deadline: Handle<Deadline>
  readonly #signal: AbortSignal | undefined
  readonly #closing: Closing
  readonly #stay: () => void
  readonly #forgetSignal: (() => void) | undefined
  #end!: () => void

  constructor(wait: number, signal: AbortSignal | undefined, closing: Closing) {
    this.#ended = new Promise((resolve) => {
      this.#end = () => resolve('ended')
    })
    this.#signal = signal
    this.#closing = closing
    this.#stay = closing.onClose(this.#end)
    this.#forgetSignal = signal && onAbort(signal, this.#end)
    this.#deadline = deadlines.set(wait, this.#end)
  }

  /** Of the signal, or of the closing; none where the time is up. */
  reason(): unknown {
    return this.#signal?.aborted ? this.#signal.reason : this.#closing.reason
  }

  orEarlier<T>(work: Promise<T>): Promise<T | 'ended'> {
    return Promise.race([work, this.#ended])
  }

  clear(): void {
    deadlines.done(this.#deadline)
    this.#stay()
    this.#forgetSignal?.()
  }
}

/** The moment to ask again. */
class Turn {
  #come: (() => void) | undefined
  #hasCome = false
  #timer: NodeJS.Timeout | undefined

  come(): void {
    this.#hasCome = true
    this.#come?.()
  }

  /** What comes while a question is under way is not lost. */
  reset(): void {
    this.#hasCome = false
  }

  async orAfter(ms: number): Promise<void> {
    if (this.#hasCome) return
    await new Promise<void>((resolve) => {
      this.#come = resolve
      this.#timer = setTimeout(resolve, ms)
    })
    this.clear()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#come = undefined
  }
}
