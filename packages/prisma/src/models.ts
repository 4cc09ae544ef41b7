import { InvalidOptionError } from '@cache/core'
import type { DataModel, Field } from './client-internals.js'
import { parseRelations } from './referential-actions.js'

/** A foreign key, and what it passes on to the rows that have it. */
interface ForeignKey {
  readonly child: string
  /** The fields that have the key; `undefined`: not known. */
  readonly fields: readonly string[] | undefined
  /** The fields of the parent that it refers to; `undefined`: not known. */
  readonly references: readonly string[] | undefined
  readonly onDelete: 'delete' | 'update' | 'nothing'
  readonly onUpdate: 'update' | 'nothing'
}

/** What an operation changes in the rows of a model. */
export interface ModelChange {
  /** Whether rows are deleted. */
  deletes: boolean
  /** The fields of existing rows that are changed. */
  fields: Set<string>
  /** Whether it is not known which fields are changed. */
  anyField: boolean
}

export type Changes = Map<string, ModelChange>

/** The models of a schema: their relations, and what changes with them. */
export class Models {
  readonly #fields = new Map<string, ReadonlyMap<string, Field>>()
  readonly #keys = new Map<string, ForeignKey[]>()
  /** The fields of the foreign key of a relation, by each field that is a side of it. */
  readonly #columns = new Map<string, readonly string[]>()
  readonly #dependents: ReadonlyMap<string, readonly string[]>

  /** @throws {InvalidOptionError} if `dependents` names a model that does not exist. */
  constructor(
    dataModel: DataModel,
    schema: string,
    dependents: Readonly<Record<string, readonly string[]>>,
  ) {
    for (const [model, { fields }] of Object.entries(dataModel.models))
      this.#fields.set(model, new Map(fields.map((field) => [field.name, field])))
    this.#addForeignKeys(schema)
    for (const [name, others] of Object.entries(dependents))
      this.#refuseUnknown([name, ...others], `dependents.${name}`)
    this.#dependents = new Map(Object.entries(dependents))
  }

  /** Returns whether there is a model of this name. */
  has(model: unknown): boolean {
    return this.#fields.has(model as string)
  }

  /** Returns the field of a model, or `undefined`. */
  field(model: string, name: string): Field | undefined {
    return this.#fields.get(model)?.get(name)
  }

  /** Returns the fields of a model that are relations. */
  relationsOf(model: string): Field[] {
    return [...(this.#fields.get(model)?.values() ?? [])].filter(isRelation)
  }

  /**
   * Returns the fields that have the foreign key of a relation: none if it has a table of its own,
   * and `undefined` if they are not known.
   */
  columnsOf(model: string, { name }: Field): readonly string[] | undefined {
    return this.#columns.get(`${model}.${name}`)
  }

  /**
   * Returns the models that a caller names, and all that change with them.
   *
   * @throws {InvalidOptionError} for a name that is not that of a model.
   */
  namedBy(models: unknown): string[] {
    const names = models === undefined ? [] : Array.isArray(models) ? models : [models]
    this.#refuseUnknown(names as unknown[], 'models')
    return this.changedWith(
      new Map((names as string[]).map((name) => [name, anyChange()] as const)),
    )
  }

  /**
   * Returns the models whose rows change with these changes: those that foreign keys pass them on
   * to, and the `dependents` of all of them.
   */
  changedWith(changes: Changes): string[] {
    const all: Changes = new Map()
    const pending = [...changes]
    for (let next = pending.pop(); next; next = pending.pop()) {
      const [model, change] = next
      if (!merge(all, model, change)) continue
      const merged = all.get(model)!
      for (const key of this.#keys.get(model) ?? []) {
        const passedOn = passOn(key, merged)
        if (passedOn) pending.push([key.child, passedOn])
      }
      for (const other of this.#dependents.get(model) ?? []) pending.push([other, anyChange()])
    }
    return [...all.keys()]
  }

  #addForeignKeys(schema: string): void {
    const { keys, lists } = parseRelations(schema)
    for (const [child, fields] of this.#fields) {
      for (const field of fields.values()) {
        if (!isRelation(field)) continue
        const side = `${child}.${field.name}`
        const parsed = keys.get(side)
        if (parsed) {
          for (const name of [side, ...this.#sidesOf(child, field)])
            this.#columns.set(name, parsed.fields)
          this.#addKey(field.type, {
            child,
            fields: parsed.fields,
            references: parsed.references,
            onDelete: ON_DELETE[parsed.onDelete] ?? 'delete',
            onUpdate: parsed.onUpdate in UNCHANGED ? 'nothing' : 'update',
          })
        } else if (this.#isManyToMany(child, field, lists)) {
          this.#columns.set(side, [])
        } else if (!this.#sidesOf(child, field).some((other) => keys.has(other))) {
          // The schema does not say where the foreign key is.
          this.#addKey(field.type, {
            child,
            fields: undefined,
            references: undefined,
            onDelete: 'delete',
            onUpdate: 'update',
          })
        }
      }
    }
  }

  #addKey(parent: string, key: ForeignKey): void {
    this.#keys.set(parent, [...(this.#keys.get(parent) ?? []), key])
  }

  /** Whether a relation is a list on both sides: it has a table of its own. */
  #isManyToMany(model: string, field: Field, lists: ReadonlySet<string>): boolean {
    const sides = this.#sidesOf(model, field).filter((side) => side !== `${model}.${field.name}`)
    return lists.has(`${model}.${field.name}`) && sides.some((side) => lists.has(side))
  }

  /**
   * Returns the fields of the type of a relation that belong to it: `Post.author`. Relations
   * between other models may have the same name.
   */
  #sidesOf(model: string, { type, relationName }: Field): string[] {
    return this.relationsOf(type)
      .filter((other) => other.relationName === relationName && other.type === model)
      .map(({ name }) => `${type}.${name}`)
  }

  #refuseUnknown(names: readonly unknown[], option: string): void {
    for (const name of names)
      if (!this.has(name))
        throw new InvalidOptionError(
          option,
          `names of models of the schema: ${[...this.#fields.keys()].join(', ')}`,
          name,
        )
  }
}

/** A change that may do anything to the rows of a model. */
export function anyChange(): ModelChange {
  return { deletes: true, fields: new Set(), anyField: true }
}

/** Adds a change to others. Returns whether that has changed anything. */
export function merge(changes: Changes, model: string, change: Partial<ModelChange>): boolean {
  const known = changes.get(model)
  if (!known) {
    const { deletes = false, fields = new Set<string>(), anyField = false } = change
    changes.set(model, { deletes, fields: new Set(fields), anyField })
    return true
  }
  const before = `${known.deletes} ${known.fields.size} ${known.anyField}`
  known.deletes ||= change.deletes ?? false
  known.anyField ||= change.anyField ?? false
  for (const field of change.fields ?? []) known.fields.add(field)
  return before !== `${known.deletes} ${known.fields.size} ${known.anyField}`
}

/** Returns what a foreign key does to the rows that have it. */
function passOn(key: ForeignKey, change: ModelChange): ModelChange | undefined {
  const { references } = key
  const isKeyChanged =
    change.anyField ||
    (references ? references.some((name) => change.fields.has(name)) : change.fields.size > 0)
  const deletes = change.deletes && key.onDelete === 'delete'
  const updates =
    (change.deletes && key.onDelete === 'update') || (isKeyChanged && key.onUpdate === 'update')
  if (!deletes && !updates) return undefined
  return {
    deletes,
    fields: new Set(updates ? key.fields : []),
    anyField: updates && key.fields === undefined,
  }
}

function isRelation({ kind, relationName }: Field): boolean {
  return kind === 'object' && relationName !== undefined
}

const UNCHANGED = { NoAction: true, Restrict: true }
const ON_DELETE: Readonly<Record<string, ForeignKey['onDelete']>> = {
  Cascade: 'delete',
  SetNull: 'update',
  SetDefault: 'update',
  NoAction: 'nothing',
  Restrict: 'nothing',
}
