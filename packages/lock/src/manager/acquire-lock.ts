import { CacheError, ServerError } from '@cache/core'
import { Backoff } from '@cache/core/internal'
import type {
  Busy,
  Granted,
  GrantedRequest,
  LockBackend,
  LockRequest,
} from '../backends/backend.js'
import { POLL_INTERVAL, WAITER_TTL, validityTime } from '../backends/timing.js'
import { LockTimeoutError } from '../errors.js'
import { neverSent } from './never-sent.js'
import { RetryTimer, WaitEnd, waitBriefly, type WaitLimits } from './waiting.js'

/**
 * Acquires a lock: retries until a request is granted.
 *
 * Rejects with `LockTimeoutError` after `wait`, with the reason of the signal when it aborts, and
 * with the error of Redis if a retry cannot help. Whatever the outcome, it leaves behind no lock,
 * position in the queue, timer or listener.
 */
export async function acquireLock(
  backend: LockBackend,
  newRequest: () => LockRequest,
  { wait, signal, closing }: WaitLimits,
): Promise<GrantedRequest> {
  signal?.throwIfAborted()
  closing.throwIfClosed()
  const end = new WaitEnd(wait, signal, closing)
  try {
    const request = newRequest()
    const sentAt = performance.now()
    const outcome = await end.orOutcomeOf(backend.acquire(request, '0'))
    return isGranted(outcome)
      ? { request, granted: outcome }
      : await waitForLock(backend, newRequest, wait, end, { request, sentAt, outcome })
  } finally {
    end.clear()
  }
}

/** An attempt that was made, and when its request was sent. */
interface Attempt {
  readonly request: LockRequest
  readonly sentAt: number
  readonly outcome: Outcome
}

type Outcome = Granted | Busy | Error | 'ended'

/** Retries after the first attempt until a request is granted or the wait ends. */
async function waitForLock(
  backend: LockBackend,
  newRequest: () => LockRequest,
  wait: number,
  end: WaitEnd,
  first: Attempt,
): Promise<GrantedRequest> {
  let { request, sentAt, outcome } = first
  const retry = new RetryTimer()
  const backoff = new Backoff({ first: FIRST_PAUSE, max: POLL_INTERVAL })
  let stopListening: (() => void) | undefined
  let ticket = '0'
  let lastError: Error | undefined
  let mayBeKnown = false // whether Redis may have received the request
  /** The last reply that the lock is busy, and when its request was sent. */
  let busy: { readonly reply: Busy; readonly sentAt: number } | undefined
  const startOver = (): void => {
    request = newRequest()
    mayBeKnown = false
    busy = undefined
    stopListening?.()
    stopListening = undefined
  }
  try {
    for (;;) {
      mayBeKnown ||= !neverSent(outcome)
      if (outcome === 'ended') break
      let pause: number
      if (outcome instanceof Error) {
        lastError = outcome
        if (isPermanent(outcome)) break
        pause = backoff.next()
      } else if (outcome.held) {
        if (isGranted(outcome)) return { request, granted: outcome }
        void backend.abandon(request) // the reply came after the deadline
        startOver()
        pause = FIRST_PAUSE
      } else {
        lastError = undefined
        backoff.reset()
        busy = { reply: outcome, sentAt }
        ticket = outcome.ticket
        stopListening ??= backend.listen(request.token, (fence) => retry.wake(fence))
        pause = Math.min(outcome.retryAfter + 1, POLL_INTERVAL)
      }
      if ((await end.orOutcomeOf(retry.wait(pause))) === 'ended') break
      const granted = busy && handedOver(request, retry.fence, busy.reply, busy.sentAt)
      if (granted) return { request, granted }
      if (backend.tokenPerAttempt) startOver()
      retry.reset()
      sentAt = performance.now()
      outcome = await end.orOutcomeOf(backend.acquire(request, ticket))
    }
    // The last request may have been granted, or may still be.
    if (mayBeKnown) await waitBriefly(backend.abandon(request))
    throw (
      end.reason() ??
      (lastError && isPermanent(lastError)
        ? lastError
        : new LockTimeoutError(request.name, wait, lastError))
    )
  } finally {
    stopListening?.()
    retry.clear()
  }
}

/** Whether a lock was granted, and its deadline has not passed. */
function isGranted(outcome: Outcome): outcome is Granted {
  return (
    outcome !== 'ended' &&
    !(outcome instanceof Error) &&
    outcome.held &&
    outcome.deadline > performance.now()
  )
}

/**
 * Returns the lock that a message with this fence handed over to a waiter. Returns `undefined` if
 * the waiter has to ask: the message is older than the last reply, or too little time is left.
 *
 * When the last reply was made, the waiter counted as alive for WAITER_TTL. The lock was handed
 * over after that, for as long.
 */
function handedOver(
  { ttl }: LockRequest,
  fence: number | undefined,
  { highestFence = Infinity }: Busy,
  sentAt: number,
): Granted | undefined {
  if (fence === undefined || fence <= highestFence) return undefined
  const validity = validityTime(Math.min(ttl, WAITER_TTL))
  const deadline = sentAt + validity
  if (deadline - performance.now() < validity / 2) return undefined
  return { held: true, fence, deadline, handedOver: true }
}

/** Tries once. Resolves to `undefined` if others hold the lock or wait for it. */
export async function tryAcquireLock(
  backend: LockBackend,
  request: LockRequest,
): Promise<Granted | undefined> {
  const outcome = await backend.acquire(request).catch((error: Error) => error)
  if (isGranted(outcome)) return outcome
  if (!(outcome instanceof Error) && !outcome.held) return undefined
  if (!neverSent(outcome)) void backend.abandon(request)
  if (outcome instanceof Error) throw outcome
  return undefined
}

/** Whether a retry cannot help. Errors that a failover or a restart causes are temporary. */
function isPermanent(error: Error): boolean {
  if (error instanceof ServerError) return !TEMPORARY_CODES.has(error.code)
  return (
    !(error instanceof CacheError) ||
    error.code === 'INVALID_KEY' ||
    error.code === 'INVALID_OPTION'
  )
}

const TEMPORARY_CODES = new Set([
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
/** In ms. */
const FIRST_PAUSE = 20
