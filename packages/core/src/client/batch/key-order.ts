import { Deadlines } from '../../util/deadlines.js'
import { CommandTimeoutError, ConnectionError, type CacheError } from '../../errors.js'
import type { Call, CallQueue } from './call.js'

/**
 * Keeps the calls of one key in the order in which they were made.
 *
 * A call is sent in the same command as the previous call of its key, or after that was answered.
 * Otherwise, a call that has to be sent again (NOSCRIPT after a SCRIPT FLUSH, MOVED while a slot
 * moves) could be overtaken by a later one. All waiting calls are sent together, so a busy key
 * costs one more round trip, not one for each call.
 */
export class KeyOrder {
  readonly #queues = new Map<string, KeyQueue>()
  readonly #deadlines = new Deadlines({ forReplies: true })
  readonly #send: (call: Call) => void
  readonly #countWaiting: (change: 1 | -1) => void
  /** The number of the current tick. Calls of one tick may be sent in one command. */
  #tick = 0

  /**
   * `send` sends a call with the requests of this tick. `countWaiting` counts the calls that have
   * to wait.
   */
  constructor(send: (call: Call) => void, countWaiting: (change: 1 | -1) => void) {
    this.#send = send
    this.#countWaiting = countWaiting
  }

  /** The requests of this tick are sent; later calls belong to the next tick. */
  endTick(): void {
    this.#tick++
  }

  add(call: Call): void {
    const key = call.keys[0]!
    const queue = this.#queues.get(key)
    if (queue === undefined) {
      const newQueue = new KeyQueue(this)
      this.#queues.set(key, newQueue)
      this.#start(newQueue, call)
    } else if (queue.waiting === undefined && this.#canJoinLast(queue, call))
      this.#start(queue, call)
    else this.#wait(queue, call)
  }

  /** Sends what waited for the calls of a queue, which have been answered. */
  allAnswered(queue: KeyQueue, key: string): void {
    const { waiting } = queue
    if (waiting === undefined) {
      this.#queues.delete(key)
      return
    }
    for (let next = waiting[0]; next && this.#canJoinLast(queue, next); next = waiting[0]) {
      waiting.shift()
      this.#countWaiting(-1)
      this.#start(queue, next)
    }
    if (waiting.length === 0) queue.waiting = undefined
  }

  waitEnded({ deadline }: Call): void {
    if (deadline) this.#deadlines.done(deadline)
  }

  #start(queue: KeyQueue, call: Call): void {
    queue.unanswered++
    queue.last = call
    queue.lastTick = this.#tick
    call.queue = queue
    this.#send(call)
  }

  /** Whether a call can be sent in one command with the last one, or is the first. */
  #canJoinLast({ last, lastTick }: KeyQueue, call: Call): boolean {
    if (last === undefined) return true
    return (
      lastTick === this.#tick &&
      last.timeout === call.timeout &&
      last.script === call.script &&
      !call.script.separate &&
      last.keys.length === call.keys.length &&
      last.args.length === call.args.length
    )
  }

  #wait(queue: KeyQueue, call: Call): void {
    const { timeout } = call
    call.deadline = this.#deadlines.set(timeout, () => {
      const index = queue.waiting?.indexOf(call) ?? -1
      if (index < 0) return call.reject(timeoutError(call, queue.unreachable))
      queue.waiting!.splice(index, 1)
      if (queue.waiting!.length === 0) queue.waiting = undefined
      this.#countWaiting(-1)
      call.reject(unsentError(call))
    })
    ;(queue.waiting ??= []).push(call)
    this.#countWaiting(1)
  }
}

/**
 * The calls of one key. The table of a map may keep it for longer than its calls (see
 * `ShortLivedMap`), so it forgets them as soon as they are answered.
 */
class KeyQueue implements CallQueue {
  readonly #order: KeyOrder
  /** The number of calls that were sent and not answered. */
  unanswered = 0
  last: Call | undefined = undefined
  /** The tick of the last call. */
  lastTick = 0
  waiting: Call[] | undefined = undefined
  /** Whether the last answer was that Redis could not be reached. */
  unreachable = false

  constructor(order: KeyOrder) {
    this.#order = order
  }

  answered(call: Call, error?: CacheError): void {
    if (call.deadline) this.#order.waitEnded(call)
    this.unreachable = error instanceof ConnectionError
    this.unanswered--
    if (this.unanswered > 0) return
    this.last = undefined
    this.#order.allAnswered(this, call.keys[0]!)
  }
}

function unsentError({ script, keys: [key], timeout }: Call): ConnectionError {
  return new ConnectionError(
    `${script.name} ${key} was not sent: an earlier call on its key was not answered within ` +
      `${timeout} ms. ${ADVICE}`,
    { command: script.name, key, code: 'NOT_SENT' },
  )
}

function timeoutError(
  { script, keys: [key], timeout }: Call,
  unreachable: boolean,
): CommandTimeoutError | ConnectionError {
  const message =
    `${script.name} ${key} got no reply within ${timeout} ms. ` +
    `It may or may not have been executed. ${ADVICE}`
  const details = { command: script.name, key }
  return unreachable
    ? new ConnectionError(message, details)
    : new CommandTimeoutError(message, details)
}

const ADVICE = 'Check that Redis answers, or allow more time.'
