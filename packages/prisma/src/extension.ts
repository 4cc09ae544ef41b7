import { createHash } from 'node:crypto'
import { UsageError } from '@cache/core'
import {
  internalsOf,
  operationInternals,
  transactionIdOf,
  type PrismaInternals,
} from './client-internals.js'
import type { Engine } from './engine.js'
import type { CachedClientMethods } from './extension-types.js'
import type { Models } from './models.js'
import { describeOperation } from './operation.js'
import { checkChoice, type CheckedReadOptions } from './read-options.js'
import { Transactions } from './transactions.js'
import { CHOICE, withChoice, type ReadChoice } from './with-cache.js'

/** What Prisma passes to the hook of a query. */
interface HookCall {
  readonly model?: string
  readonly operation: string
  readonly args: unknown
  readonly query: (args: unknown) => Promise<unknown>
}

/** Extends a client with a cache. */
export function extendClient(given: unknown, engine: Engine): unknown {
  const client = internalsOf(given)
  const models = engine.addClient(client)
  const transactions = new Transactions(client, engine)
  const variantOf = variantsOf(client)
  const all: ReadChoice | false = engine.strategy === 'all' && {
    ...(checkChoice({}) as CheckedReadOptions),
    variant: variantOf(client),
  }
  const isModel = isModelOf(models)
  return client.$extends({
    name: '@cache/prisma',
    query: {
      $allOperations: (call: HookCall) => execute(engine, models, transactions, all, call),
    },
    client: {
      $transaction(this: unknown, work: unknown, options?: unknown) {
        return transactions.run(this, work, options)
      },
      $extends(this: unknown, extension: unknown) {
        refuseQueries(extension)
        if (all) refuseResults(extension)
        return client.$extends.call(this, extension)
      },
      $withCache(choice) {
        const options = checkChoice(choice)
        const variant = variantOf(this as unknown as PrismaInternals)
        return withChoice(this, isModel, options && { ...options, variant })
      },
      async $invalidate(this: unknown, changed) {
        const groups = engine.groupsIn(changed)
        const id = transactionIdOf(this)
        await (id === undefined ? engine.invalidate(groups) : transactions.scopeOf(id).add(groups))
      },
    } satisfies CachedClientMethods & Record<string, unknown>,
  })
}

/** Executes an operation of a client. */
async function execute(
  engine: Engine,
  models: Models,
  transactions: Transactions,
  all: ReadChoice | false,
  call: HookCall,
): Promise<unknown> {
  const { model, operation, query } = call
  const { transaction, dataPath } = operationInternals(call)
  if (model === undefined) return transactions.read(transaction, () => query(call.args))
  const { [CHOICE]: choice, ...args } = call.args as Record<string, unknown> & {
    readonly [CHOICE]?: ReadChoice | false
  }
  const run = (): Promise<unknown> => query(args)
  const described = describeOperation(models, model, operation, args)
  if (described.does === 'write')
    return transactions.write(transaction, engine.groupsOf(described.models), run)
  const chosen = choice ?? all
  if (transaction || described.does === 'anything' || !chosen)
    return transactions.read(transaction, run)
  return engine.read(
    { model, operation, args, dataPath, models: described.models, execute: run },
    chosen,
  )
}

/**
 * Returns what results depend on except the query: the models, and the columns that a client omits,
 * or reads for its result extensions.
 */
function variantsOf(client: PrismaInternals): (client: PrismaInternals) => string {
  const names = Object.keys(client._runtimeDataModel.models)
  const shared = hashOf([client._runtimeDataModel, client._globalOmit ?? null])
  const variants = new WeakMap<object, string>()
  return ({ _extensions: extensions }) => {
    const known = variants.get(extensions)
    if (known !== undefined) return known
    const computed = names.map((name) => extensions.getAllComputedFields(name) ?? null)
    const variant = hashOf([shared, computed])
    variants.set(extensions, variant)
    return variant
  }
}

/** The hooks of later extensions would run between the cache and the database. */
function refuseQueries(extension: unknown): void {
  if (typeof extension === 'object' && extension !== null && 'query' in extension)
    throw new UsageError(
      'An extension with a "query" component was added after the cache, which would not know ' +
        'what it changes. Add it before: $extends(extension).$extends(cache.extension).',
    )
}

/** A read that does not go through $withCache() does not tell which client it is of. */
function refuseResults(extension: unknown): void {
  if (typeof extension === 'object' && extension !== null && 'result' in extension)
    throw new UsageError(
      'An extension with a "result" component was added after a cache with strategy "all", which ' +
        'would not know which columns it needs. Add it before: ' +
        '$extends(extension).$extends(cache.extension).',
    )
}

/** Whether a property of a client is a model: `prisma.user`, or `prisma.User`. */
function isModelOf(models: Models): (property: string | symbol) => boolean {
  return (property) =>
    typeof property === 'string' &&
    (models.has(property) || models.has(property[0]!.toUpperCase() + property.slice(1)))
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url')
}
