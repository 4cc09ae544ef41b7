import type { Argument, Reply } from '../../drivers/command.js'
import type { CacheError } from '../../errors.js'
import type { Deadline } from '../../util/deadlines.js'
import type { Handle } from '../../util/swap-list.js'
import type { Script } from '../script.js'
import { Deferred } from './batched-command.js'

/** What is told that a call was answered, or that it is known that no reply will arrive. */
export interface CallQueue {
  answered(call: Call, error?: CacheError): void
}

/** One call of a script, from its request to its reply. */
export class Call extends Deferred<unknown> {
  readonly script: Script<unknown>
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  /** How long its caller waits, in ms. */
  readonly timeout: number
  /** The calls of its first key, if they are kept in order. */
  queue: CallQueue | undefined = undefined
  /** The deadline of a call that waits for an earlier one. */
  deadline: Handle<Deadline> | undefined = undefined

  constructor(
    script: Script<unknown>,
    keys: readonly string[],
    args: readonly Argument[],
    timeout: number,
  ) {
    super()
    this.script = script
    this.keys = keys
    this.args = args
    this.timeout = timeout
  }

  /**
   * Settles the promise with the result of the script. Callers share the reply of a read-only
   * script, and each parses it.
   */
  deliver(reply: Reply): void {
    this.queue?.answered(this)
    const { script } = this
    try {
      this.resolve(script.readOnly ? reply : script.parse(reply))
    } catch (error) {
      this.reject(error)
    }
  }

  fail(error: CacheError): void {
    this.queue?.answered(this, error)
    this.reject(error)
  }
}
