import { anyChange, merge, type Changes, type Models } from './models.js'

/** What an operation does, and with which models. */
export type Operation =
  | { readonly does: 'read' | 'write'; readonly models: readonly string[] }
  /** A raw query: nothing is cached, and nothing is made invalid. */
  | { readonly does: 'anything' }

/** Finds out what an operation of a model does. */
export function describeOperation(
  models: Models,
  model: string,
  operation: string,
  args: unknown,
): Operation {
  if (READS.has(operation)) return { does: 'read', models: [...modelsReadBy(models, model, args)] }
  if (RAW.has(operation)) return { does: 'anything' }
  const changes: Changes = new Map()
  addChanges(models, model, operation, args as Args, changes)
  return { does: 'write', models: models.changedWith(changes) }
}

type Args = Readonly<Record<string, unknown>>

export const READS: ReadonlySet<string> = new Set([
  'findUnique',
  'findUniqueOrThrow',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'count',
  'aggregate',
  'groupBy',
])
const RAW = new Set(['findRaw', 'aggregateRaw'])

/**
 * Returns the model of a read, and the models of all relations that its arguments mention anywhere.
 * There may be too many, for example because of the content of a JSON filter, but never too few.
 */
function modelsReadBy(models: Models, model: string, args: unknown): Set<string> {
  const read = new Set([model])
  const visit = (current: string, value: unknown, isTop: boolean): void => {
    if (Array.isArray(value)) for (const item of value) visit(current, item, false)
    else if (isPlain(value))
      for (const [name, part] of Object.entries(value)) {
        const field = models.field(current, name)
        if (field?.relationName !== undefined) {
          read.add(field.type)
          visit(field.type, part, false)
        }
        if (field?.relationName === undefined || KEYWORDS.has(name)) {
          // The counts of all relations. At the top, it is the count of an aggregate.
          if (name === '_count' && part === true && !isTop)
            for (const { type } of models.relationsOf(current)) read.add(type)
          visit(current, part, false)
        }
      }
  }
  visit(model, args, true)
  return read
}

/** Names in arguments that a relation may have too. */
const KEYWORDS = new Set(
  (
    'select include omit where orderBy cursor having data AND OR NOT ' +
    'some every none is isNot _count'
  ).split(' '),
)

/** Adds what a write changes, without what foreign keys pass on. */
function addChanges(
  models: Models,
  model: string,
  operation: string,
  args: Args,
  changes: Changes,
): void {
  switch (operation) {
    case 'create':
    case 'createMany':
    case 'createManyAndReturn':
      merge(changes, model, {})
      return addRows(models, model, args.data, changes, true)
    case 'update':
    case 'updateMany':
    case 'updateManyAndReturn':
      merge(changes, model, {})
      return addRows(models, model, args.data, changes, false)
    case 'upsert':
      merge(changes, model, {})
      addRows(models, model, args.create, changes, true)
      return addRows(models, model, args.update, changes, false)
    case 'delete':
    case 'deleteMany':
      merge(changes, model, { deletes: true })
      return
    default:
      // An operation of a later version of Prisma.
      merge(changes, model, anyChange())
  }
}

/** Adds what the values of rows change: their fields, and the rows of relations. */
function addRows(
  models: Models,
  model: string,
  data: unknown,
  changes: Changes,
  isNew: boolean,
): void {
  for (const row of asObjects(data))
    for (const [name, value] of Object.entries(row)) {
      const field = models.field(model, name)
      if (!field || value === undefined) continue
      if (field.relationName === undefined) {
        if (!isNew) merge(changes, model, { fields: new Set([name]) })
        continue
      }
      const columns = models.columnsOf(model, field)
      const [fields, anyField] = [new Set(columns), columns === undefined]
      merge(changes, model, isNew ? {} : { fields, anyField })
      merge(changes, field.type, { fields, anyField })
      addNestedWrites(models, field.type, value, changes)
    }
}

/** Adds what the nested writes of a relation change. */
function addNestedWrites(models: Models, model: string, writes: unknown, changes: Changes): void {
  for (const nested of asObjects(writes))
    for (const [operation, payload] of Object.entries(nested))
      for (const args of asObjects(payload)) {
        if (operation === 'create') addRows(models, model, args, changes, true)
        else if (operation === 'connectOrCreate') addRows(models, model, args.create, changes, true)
        else if (operation === 'update') {
          // A relation to one row takes its values with or without `data`.
          addRows(models, model, args, changes, false)
          addRows(models, model, args.data, changes, false)
        } else if (!CONNECTS.has(operation)) addChanges(models, model, operation, args, changes)
      }
  if (asObjects(writes).some((nested) => nested.delete !== undefined))
    merge(changes, model, { deletes: true }) // `delete: true`
}

const CONNECTS = new Set(['connect', 'disconnect', 'set'])

function asObjects(value: unknown): Args[] {
  return (Array.isArray(value) ? (value as unknown[]) : [value]).filter(isPlain)
}

function isPlain(value: unknown): value is Args {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
