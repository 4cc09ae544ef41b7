import { Deadlines, type Deadline } from '../../util/deadlines.js'
import { CommandTimeoutError, ConnectionError } from '../../errors.js'
import type { Handle } from '../../util/swap-list.js'
import type { Call } from './tick-calls.js'

/** A call that has not been sent yet, and the time its caller waits, in ms. */
export interface TimedCall {
  readonly call: Call
  readonly timeout: number
}

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
  readonly #send: (timed: TimedCall) => void
  readonly #countWaiting: (change: 1 | -1) => void
  /** The number of the current tick. Calls of one tick may be sent in one command. */
  #tick = 0

  /**
   * `send` sends a call with the requests of this tick. `countWaiting` counts the calls that have
   * to wait.
   */
  constructor(send: (timed: TimedCall) => void, countWaiting: (change: 1 | -1) => void) {
    this.#send = send
    this.#countWaiting = countWaiting
  }

  /** The requests of this tick are sent; later calls belong to the next tick. */
  endTick(): void {
    this.#tick++
  }

  add(key: string, timed: TimedCall): void {
    const queue = this.#queues.get(key)
    if (queue === undefined) {
      const newQueue: KeyQueue = {
        unanswered: 0,
        last: undefined,
        lastTick: 0,
        waiting: [],
        unreachable: false,
      }
      this.#queues.set(key, newQueue)
      this.#start(key, newQueue, timed)
    } else if (queue.waiting.length === 0 && this.#canJoinLast(queue, timed))
      this.#start(key, queue, timed)
    else this.#wait(queue, timed)
  }

  #start(key: string, queue: KeyQueue, timed: TimedCall): void {
    queue.unanswered++
    queue.last = timed
    queue.lastTick = this.#tick
    timed.call.answered = (error) => {
      queue.unreachable = error instanceof ConnectionError
      this.#answered(key, queue)
    }
    this.#send(timed)
  }

  #answered(key: string, queue: KeyQueue): void {
    queue.unanswered--
    if (queue.unanswered > 0) return
    const { waiting } = queue
    if (waiting.length === 0) this.#queues.delete(key)
    queue.last = undefined
    for (let next = waiting[0]; next && this.#canJoinLast(queue, next); next = waiting[0]) {
      waiting.shift()
      this.#countWaiting(-1)
      this.#start(key, queue, next)
    }
  }

  /** Whether a call can be sent in one command with the last one, or is the first. */
  #canJoinLast({ last, lastTick }: KeyQueue, { call, timeout }: TimedCall): boolean {
    if (last === undefined) return true
    return (
      lastTick === this.#tick &&
      last.timeout === timeout &&
      last.call.script === call.script &&
      last.call.keys.length === call.keys.length &&
      last.call.args.length === call.args.length
    )
  }

  #wait(queue: KeyQueue, timed: TimedCall): void {
    const { call, timeout } = timed
    const waitingCall: TimedCall = {
      ...timed,
      call: {
        ...call,
        resolve: (value) => {
          this.#deadlines.done(deadline)
          call.resolve(value)
        },
        reject: (error) => {
          this.#deadlines.done(deadline)
          call.reject(error)
        },
      },
    }
    const deadline: Handle<Deadline> = this.#deadlines.set(timeout, () => {
      const index = queue.waiting.indexOf(waitingCall)
      if (index >= 0) {
        queue.waiting.splice(index, 1)
        this.#countWaiting(-1)
        call.reject(unsentError(call, timeout))
      } else call.reject(timeoutError(call, timeout, queue.unreachable))
    })
    queue.waiting.push(waitingCall)
    this.#countWaiting(1)
  }
}

/** The calls of one key. */
interface KeyQueue {
  /** The number of calls that were sent and not answered. */
  unanswered: number
  last: TimedCall | undefined
  /** The tick of the last call. */
  lastTick: number
  readonly waiting: TimedCall[]
  /** Whether the last answer was that Redis could not be reached. */
  unreachable: boolean
}

function unsentError({ script, keys: [key] }: Call, timeout: number): ConnectionError {
  return new ConnectionError(
    `${script.name} ${key} was not sent: an earlier call on its key was not answered within ` +
      `${timeout} ms. ${ADVICE}`,
    { command: script.name, key, code: 'NOT_SENT' },
  )
}

function timeoutError(
  { script, keys: [key] }: Call,
  timeout: number,
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
