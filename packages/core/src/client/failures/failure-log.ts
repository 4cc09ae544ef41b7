import type { Command } from '../../drivers/command.js'
import type { Driver } from '../../drivers/driver.js'
import { CacheError } from '../../errors.js'
import { functionOption, objectOption, type OptionTable } from '../../util/options.js'
import { kindOf, unseenKindOf } from './failure-kind.js'
import { callSafely, lineWriter, toLine, type Logger } from './logger.js'
import { Outages, type NodeState } from './outages.js'
import { RecurringFailures } from './recurring-failures.js'
import { listenForUnseen, type UnseenFailure } from './unseen-failures.js'

/** Where an error that no caller received came from. */
export interface ErrorContext {
  /** What was being done: `refresh`, `fill`, `subscribe to invalidations`, … */
  readonly operation: string
  /** The key or the name concerned. */
  readonly key?: string
  /** Why an entry or a message could not be read. */
  readonly reason?: string
}

/** The options of a client that say where its failures are reported. */
export interface FailureOptions {
  /**
   * Where failures are written: `console`, or the logger of pino. There is one line when a kind of
   * failure first occurs, and one when it has ended, with the number of occurrences. Lines contain
   * keys, but no values and no passwords. Without `logger` and `onError`, the process emits one
   * warning when the first command fails.
   */
  readonly logger?: Logger
  /**
   * Called with each error that no caller receives: a read that fell back to its source, a refresh
   * in the background, an entry that cannot be decoded. Errors of your own functions are passed on
   * as they are. What it throws is ignored.
   */
  readonly onError?: (error: unknown, context: ErrorContext) => void
}

/** The rows of `FailureOptions`. */
export const failureOptions = {
  logger: objectOption(
    ['info', 'warn', 'error'],
    'an object with the methods info, warn and error, such as console or a logger of pino',
  ),
  onError: functionOption(),
} satisfies OptionTable<FailureOptions>

export interface FailureLogOptions extends FailureOptions {
  readonly namespace: string
  readonly nodeOf: Driver['nodeOf']
  /** Ms without an occurrence after which a failure has ended that no reply ends. */
  readonly quiet?: number
  /** Ms for which a node must answer to count as recovered, if it comes and goes. */
  readonly settle?: number
  /** Ms after an outage in which another one of the same node is taken for the same. */
  readonly flapping?: number
}

/** Remembers the failures of one client, and reports them to its logger or to the process. */
export class FailureLog {
  readonly #options: FailureLogOptions
  readonly #write: ReturnType<typeof lineWriter>
  readonly #outages: Outages
  readonly #recurring: RecurringFailures
  /** The errors of the commands of this client, which tell its failures from those of others. */
  readonly #own = new WeakSet<object>()
  readonly #stopListening: (() => void) | undefined
  #warned: boolean

  constructor(options: FailureLogOptions) {
    const { logger, onError, namespace } = options
    const { quiet = 30_000, settle = 10_000, flapping = 60_000 } = options
    this.#options = options
    this.#warned = logger !== undefined || onError !== undefined
    this.#write = logger ? lineWriter(logger, namespace) : () => undefined
    this.#outages = new Outages(
      {
        failed: (node, { label, text }) =>
          this.#write(
            'error',
            label === 'circuit open'
              ? `${nameOf(node)} gets no more commands until it answers a probe: ${text}`
              : `${nameOf(node)} does not answer: ${text}`,
          ),
        ended: (node, { answers, ms, counts }) =>
          this.#write(
            'info',
            `${nameOf(node)} ${answers ? 'answers again' : 'is no longer used'}, ` +
              afterFailures(ms, counts),
          ),
      },
      { settle, flapping, unused: quiet },
    )
    this.#recurring = new RecurringFailures(
      {
        began: ({ text }) => this.#write('warn', text),
        ended: (label, ms, count) =>
          this.#write(
            'info',
            `"${label}" has not occurred for ${seconds(quiet)}, ` +
              afterFailures(ms, new Map([['', count]])),
          ),
      },
      quiet,
    )
    if (logger || onError)
      this.#stopListening = listenForUnseen({
        namespace,
        isOwn: (error) => this.#own.has(error),
        receive: (failure) => this.#unseen(failure),
      })
  }

  /** Whether there is an outage, which `answered` could end. */
  get hasOutage(): boolean {
    return this.#outages.any
  }

  /** Records that a command of the client failed. It never throws. */
  failed(command: Command | undefined, error: CacheError): void {
    this.failedAt(this.#nodeOf(command), error)
  }

  /** Records that a command of the client was answered. */
  answered(command: Command): void {
    this.answeredAt(this.#nodeOf(command))
  }

  failedAt(node: string, error: CacheError): void {
    if (this.#stopListening) this.#own.add(error)
    const kind = kindOf(error)
    if (!kind) return
    if (kind.outage) this.#outages.failed(node, kind, error)
    else this.#recurring.occurred(kind)
    if (!this.#warned) this.#warn(error)
  }

  answeredAt(node: string): void {
    this.#outages.answered(node)
  }

  stateOf(node: string): NodeState {
    return this.#outages.stateOf(node)
  }

  /** Returns the state of all nodes together: unreachable since the first outage that lasts. */
  overall(): NodeState {
    return this.#outages.overall()
  }

  /** Stops listening, and ends all timers. */
  close(): void {
    this.#stopListening?.()
    this.#outages.close()
    this.#recurring.close()
  }

  #unseen({ error, ...context }: UnseenFailure): void {
    const { onError, logger } = this.#options
    if (onError) callSafely(() => onError(error, context))
    if (!logger || this.#isLogged(error)) return
    this.#recurring.occurred(unseenKindOf(context.operation, error, context.key))
  }

  /** Whether the error is one of a command, which `failed` has logged. */
  #isLogged(error: unknown): boolean {
    if (!(error instanceof CacheError)) return false
    if (error.code === 'CLOSED') return true
    return [error, error.cause].some(
      (one) => one instanceof CacheError && this.#own.has(one) && kindOf(one) !== undefined,
    )
  }

  #nodeOf(command: Command | undefined): string {
    const key = command?.keys[0]
    if (key === undefined) return ''
    try {
      return this.#options.nodeOf?.(key) ?? ''
    } catch {
      return '' // a driver of somebody else
    }
  }

  #warn(error: CacheError): void {
    this.#warned = true
    const { namespace } = this.#options
    const client = namespace === '' ? 'a cache client' : `the cache client "${namespace}"`
    process.emitWarning(`A command of ${client} failed. ${toLine(error.message)}`, {
      type: 'CacheWarning',
      code: 'CACHE_COMMAND_FAILED',
      detail:
        'Further failures of this client are not shown. To log when failures begin and end, pass ' +
        'a logger: createCacheClient(driver, { logger: console }).',
    })
  }
}

function nameOf(node: string): string {
  return node === '' ? 'Redis' : `Redis at ${node}`
}

function afterFailures(ms: number, counts: ReadonlyMap<string, number>): string {
  let total = 0
  for (const count of counts.values()) total += count
  const kinds = [...counts].map(([label, count]) => `${count} ${label}`).join(', ')
  const failures = total === 1 ? '1 failure' : `${total} failures`
  return `after ${failures} in ${seconds(ms)}${counts.has('') ? '' : ` (${kinds})`}`
}

function seconds(ms: number): string {
  return `${Number((ms / 1_000).toFixed(1))} s`
}
