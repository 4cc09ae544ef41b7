import { UsageError } from '@cache/core'

/** The models of a generated client, as it knows them at run time. */
export interface DataModel {
  readonly models: Readonly<Record<string, { readonly fields: readonly Field[] }>>
}

export interface Field {
  readonly name: string
  /** `'object'` for relations. */
  readonly kind: string
  readonly type: string
  readonly relationName?: string
}

/** The parts of a Prisma client that this package uses, most of which are not documented. */
export interface PrismaInternals {
  $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown>
  $extends(this: unknown, extension: unknown): unknown
  /** Creates the promise of an operation, which learns its transaction when it is sent. */
  _createPrismaPromise(
    send: (transaction: OperationTransaction | undefined) => Promise<void>,
  ): Promise<void>
  readonly _runtimeDataModel: DataModel
  readonly _globalOmit?: unknown
  /** The extensions of a client. Each client that is extended has an object of its own. */
  readonly _extensions: {
    /** Returns the fields that result extensions compute, and the columns that they need. */
    getAllComputedFields(model: string): object | undefined
  }
  readonly _engineConfig: {
    readonly inlineSchema: string
    readonly transactionOptions?: { readonly timeout?: number }
  }
}

/** The transaction of an operation. */
export type OperationTransaction =
  { readonly kind: 'itx'; readonly id: string } | { readonly kind: 'batch'; readonly id: number }

/** What Prisma passes to the hook of a query, and its types do not mention. */
export interface OperationInternals {
  readonly transaction?: OperationTransaction
  /** Where the fluent API finds its result in that of the query. */
  readonly dataPath: readonly string[]
}

/** @throws {UsageError} if the client is not what this package knows. */
export function internalsOf(client: unknown): PrismaInternals {
  const parts = client as Partial<PrismaInternals> | null | undefined
  if (
    typeof parts?.$transaction !== 'function' ||
    typeof parts.$extends !== 'function' ||
    typeof parts._createPrismaPromise !== 'function' ||
    typeof parts._runtimeDataModel?.models !== 'object' ||
    typeof parts._extensions?.getAllComputedFields !== 'function' ||
    typeof parts._engineConfig?.inlineSchema !== 'string'
  )
    throw new UsageError(
      'The extension of createPrismaCache() was passed to something else than $extends() of a ' +
        'Prisma client, or to a version of Prisma that is not supported.',
    )
  return parts as PrismaInternals
}

/** @throws {UsageError} if Prisma does not tell what this package has to know. */
export function operationInternals(call: object): OperationInternals {
  const { __internalParams: internals } = call as { __internalParams?: Partial<OperationInternals> }
  const { dataPath, transaction } = internals ?? {}
  if (!Array.isArray(dataPath) || (transaction && !KINDS.has(transaction.kind)))
    throw new UsageError('This version of Prisma is not supported by the cache.')
  return internals as OperationInternals
}

const KINDS = new Set<unknown>(['itx', 'batch'])

/** Returns the id of the interactive transaction that a client belongs to. */
export function transactionIdOf(client: unknown): string | undefined {
  let transaction: OperationTransaction | undefined
  const operation = (client as PrismaInternals)._createPrismaPromise((given) => {
    transaction = given
    return Promise.resolve()
  })
  void operation.then(() => undefined) // It tells the transaction at once.
  return transaction?.kind === 'itx' ? transaction.id : undefined
}
