import { AsyncLocalStorage } from 'node:async_hooks'
import { UsageError } from '@cache/core'
import { TransactionScope } from '@cache/core/internal'
import { BatchScope } from './batch-scope.js'
import {
  transactionIdOf,
  type OperationTransaction,
  type PrismaInternals,
} from './client-internals.js'
import type { Engine } from './engine.js'

type Work = (tx: unknown) => Promise<unknown>

/** The transactions of a client that are under way. */
export class Transactions {
  readonly #client: PrismaInternals
  readonly #engine: Engine
  readonly #interactive = new Map<string, TransactionScope>()
  readonly #batch = new AsyncLocalStorage<BatchScope>()

  constructor(client: PrismaInternals, engine: Engine) {
    this.#client = client
    this.#engine = engine
  }

  /** Runs `$transaction` of a client that has the extension, or extensions after it. */
  run(client: unknown, work: unknown, options: unknown): Promise<unknown> {
    const transaction = (given: unknown): Promise<unknown> =>
      this.#client.$transaction.call(client, given, options)
    if (typeof work !== 'function') return this.#runBatch(() => transaction(work))
    // A transaction in a transaction is a part of it.
    if (transactionIdOf(client) !== undefined) return transaction(work)
    return this.#runInteractive(transaction, work as Work, options)
  }

  /** Returns the scope of an interactive transaction. */
  scopeOf(id: string): TransactionScope {
    const scope = this.#interactive.get(id)
    if (!scope) throw endedTransaction()
    return scope
  }

  /** Executes an operation without the cache, in its order within a transaction. */
  async read(
    transaction: OperationTransaction | undefined,
    execute: () => Promise<unknown>,
  ): Promise<unknown> {
    const scope = transaction?.kind === 'itx' ? this.#interactive.get(transaction.id) : undefined
    return scope ? scope.run([], () => started(execute())) : execute()
  }

  /** Executes a write, in a mutation of its groups or in that of its transaction. */
  async write(
    transaction: OperationTransaction | undefined,
    groups: readonly string[],
    execute: () => Promise<unknown>,
  ): Promise<unknown> {
    if (transaction?.kind === 'itx')
      return this.scopeOf(transaction.id).run(groups, () => started(execute()))
    const batch = transaction && this.#batch.getStore()
    if (!batch) return this.#engine.mutate(groups, execute)
    // Its promise resolves when the whole transaction has committed.
    return batch.track(() => this.#engine.mutate(groups, () => batch.run(execute)))
  }

  async #runBatch(transaction: () => Promise<unknown>): Promise<unknown> {
    const scope = new BatchScope()
    try {
      return await this.#batch.run(scope, transaction)
    } catch (error) {
      await scope.end(error)
      throw error
    }
  }

  async #runInteractive(
    transaction: (work: Work) => Promise<unknown>,
    work: Work,
    options: unknown,
  ): Promise<unknown> {
    const intentTtl = this.#engine.intentTtl + this.#timeoutOf(options)
    const scope = new TransactionScope({
      begin: (groups) => this.#engine.begin(groups, { intentTtl }),
      endedError: endedTransaction,
    })
    let id: string | undefined
    let result: unknown
    try {
      result = await transaction(async (tx) => {
        id = transactionIdOf(tx)
        if (id === undefined)
          throw new UsageError('This version of Prisma is not supported by the cache.')
        this.#interactive.set(id, scope)
        try {
          return await work(tx)
        } finally {
          await scope.idle()
        }
      })
    } catch (error) {
      await scope.abort()
      throw error
    } finally {
      if (id !== undefined) this.#interactive.delete(id)
    }
    await scope.commit()
    return result
  }

  /** Returns how long Prisma lets an interactive transaction take, in ms. */
  #timeoutOf(options: unknown): number {
    const { timeout } = (options ?? {}) as { readonly timeout?: number }
    return timeout ?? this.#client._engineConfig.transactionOptions?.timeout ?? PRISMA_TIMEOUT
  }
}

const PRISMA_TIMEOUT = 5_000

/** The error of a write in a transaction that is not under way, or was not begun with the cache. */
function endedTransaction(): UsageError {
  return new UsageError(
    'A write was executed in a transaction that had ended, or that was not begun with ' +
      '$transaction of the client with the cache.',
  )
}

/** Starts a query of Prisma, which is sent when somebody waits for it. */
function started<R>(query: Promise<R>): Promise<R> {
  return query.then((result) => result)
}
