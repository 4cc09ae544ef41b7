import { Deadlines, type Deadline } from '../../util/deadlines.js'
import { CommandTimeoutError, ConnectionError } from '../../errors.js'
import type { Handle } from '../../util/swap-list.js'
import type { Call } from './tick-calls.js'

/** A call that has not been handed over yet, and how long its caller waits, in ms. */
export interface TimedCall {
  readonly call: Call
  readonly timeout: number
}

/**
 * Keeps the calls of one key in the order in which they were asked. A call leaves in the same
 * command as the one before it, or once that has been answered: a call that has to be sent again
 * (NOSCRIPT after a SCRIPT FLUSH, MOVED while a slot moves) would be overtaken by one that is sent
 * meanwhile. What waits leaves together, so a busy key costs one more round trip, not one for each
 * call.
 */
export class KeyOrder {
  readonly #lines = new Map<string, Line>()
  readonly #deadlines = new Deadlines({ forReplies: true })
  readonly #send: (timed: TimedCall) => void
  readonly #waits: (more: 1 | -1) => void
  /** Which tick it is: the calls of one may leave in one command. */
  #tick = 0

  /** `send` sends a call with this tick's; `waits` counts those that are kept back. */
  constructor(send: (timed: TimedCall) => void, waits: (more: 1 | -1) => void) {
    this.#send = send
    this.#waits = waits
  }

  /** What this tick has asked for leaves. */
  endTick(): void {
    this.#tick++
  }

  add(key: string, timed: TimedCall): void {
    const line = this.#lines.get(key)
    if (line === undefined) {
      const fresh: Line = { open: 0, last: undefined, waiting: [], isOut: false }
      this.#lines.set(key, fresh)
      this.#start(key, fresh, timed)
    } else if (line.waiting.length === 0 && this.#joins(line, timed)) this.#start(key, line, timed)
    else this.#wait(line, timed)
  }

  #start(key: string, line: Line, timed: TimedCall): void {
    line.open++
    line.last = { ...timed, tick: this.#tick }
    timed.call.answered = (error) => {
      line.isOut = error instanceof ConnectionError
      this.#answered(key, line)
    }
    this.#send(timed)
  }

  #answered(key: string, line: Line): void {
    line.open--
    if (line.open > 0) return
    if (line.waiting.length === 0) this.#lines.delete(key)
    line.last = undefined
    for (let next = line.waiting[0]; next && this.#joins(line, next); next = line.waiting[0]) {
      line.waiting.shift()
      this.#waits(-1)
      this.#start(key, line, next)
    }
  }

  /** Whether a call leaves in one command with the last one that was sent, or is the first. */
  #joins({ last }: Line, { call, timeout }: TimedCall): boolean {
    if (last === undefined) return true
    return (
      last.tick === this.#tick &&
      last.timeout === timeout &&
      last.call.script === call.script &&
      last.call.keys.length === call.keys.length &&
      last.call.args.length === call.args.length
    )
  }

  #wait(line: Line, timed: TimedCall): void {
    const { call, timeout } = timed
    const waiting: TimedCall = {
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
      const place = line.waiting.indexOf(waiting)
      if (place >= 0) {
        line.waiting.splice(place, 1)
        this.#waits(-1)
      }
      call.reject(late(call, timeout, place >= 0, line.isOut))
    })
    line.waiting.push(waiting)
    this.#waits(1)
  }
}

/** The calls of one key. */
interface Line {
  /** Sent, and not answered. */
  open: number
  last: (TimedCall & { readonly tick: number }) | undefined
  readonly waiting: TimedCall[]
  /** The last answer was that Redis is out of reach. */
  isOut: boolean
}

function late(
  { script, keys: [key] }: Call,
  timeout: number,
  unsent: boolean,
  isOut: boolean,
): CommandTimeoutError | ConnectionError {
  const what = unsent
    ? 'was not sent: an earlier call on its key has had no answer'
    : 'got no reply. It may or may not have been executed'
  const Late = unsent || isOut ? ConnectionError : CommandTimeoutError
  return new Late(
    `${script.name} ${key} ${what} within ${timeout} ms. Check that Redis answers, or allow more time.`,
    { command: script.name, key, code: unsent ? 'NOT_SENT' : isOut ? 'CONNECTION' : 'TIMEOUT' },
  )
}
