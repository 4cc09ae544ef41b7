import {
  InvalidOptionError,
  UsageError,
  type Duration,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
import { createVersioned, type Versioned } from '@cache/versioning'
import { argsKey } from './args-key.js'
import type { PrismaInternals } from './client-internals.js'
import { Models } from './models.js'
import { readPrismaCacheOptions } from './options.js'
import { checkTags } from './read-options.js'
import type { Changed, PrismaCacheOptions, PrismaNamespace } from './types.js'
import { restored, storable } from './values.js'
import type { ReadChoice } from './with-cache.js'

/** A query whose result is cached. */
export interface CachedQuery {
  readonly model: string
  readonly operation: string
  readonly args: object
  /** Where the fluent API finds its result in that of the query. */
  readonly dataPath: readonly string[]
  /** The models whose writes make the result invalid. */
  readonly models: readonly string[]
  readonly execute: () => Promise<unknown>
}

interface Entry {
  readonly key: string
  readonly groups: readonly string[]
  readonly ttl: Duration | undefined
  readonly execute: () => Promise<unknown>
}

/** What is stored. A result that can't be stored is `live`, and only returned. */
type Result = { readonly value: unknown } | { readonly live: unknown }

/** What a cache and the clients with its extension share. */
export class Engine {
  readonly strategy: 'explicit' | 'all'
  readonly intentTtl: number
  readonly results: Versioned<Result, Entry>
  readonly #Prisma: PrismaNamespace
  readonly #prefix: string
  readonly #dependents: Readonly<Record<string, readonly string[]>>
  #models: { readonly models: Models; readonly schema: string } | undefined

  constructor(options: PrismaCacheOptions) {
    const { own, shared } = readPrismaCacheOptions(options)
    this.strategy = own.strategy
    this.intentTtl = own.intentTtl
    this.#Prisma = own.Prisma
    this.#prefix = own.prefix
    this.#dependents = own.dependents
    this.results = createVersioned<Result, Entry>({
      ...shared,
      key: ({ key }) => ['query', key],
      groups: ({ groups }) => groups,
      load: async ({ ttl, execute }, context) => {
        const result = await execute()
        const value = storable(this.#Prisma, result)
        if (ttl !== undefined) context.ttl(ttl)
        if (value !== undefined) return { value }
        context.skip()
        return { live: result }
      },
    })
  }

  /**
   * Returns the models of a client.
   *
   * @throws {UsageError} if another client has another schema.
   */
  addClient({ _runtimeDataModel, _engineConfig }: PrismaInternals): Models {
    const schema = _engineConfig.inlineSchema
    this.#models ??= { models: new Models(_runtimeDataModel, schema, this.#dependents), schema }
    if (this.#models.schema !== schema)
      throw new UsageError(
        'The extension of a cache was passed to clients of two schemas. Create a cache for each, ' +
          'with its own prefix.',
      )
    return this.#models.models
  }

  get #knownModels(): Models {
    if (this.#models) return this.#models.models
    throw new UsageError('Pass the extension of the cache to $extends() of your client first.')
  }

  /** Returns the group of a model. Its version changes with the rows of the model. */
  groupOf(model: string): string {
    const [name] = this.#knownModels.namedBy(model)
    return this.#groupOf(name!)
  }

  #groupOf(model: string): string {
    return `${this.#prefix}.model.${model}`
  }

  groupsOf(models: Iterable<string>): string[] {
    return Array.from(models, (model) => this.#groupOf(model))
  }

  #groupsOfTags(tags: readonly string[]): string[] {
    return tags.map((tag) => `${this.#prefix}.tag.${tag}`)
  }

  /**
   * Returns the groups of models that a caller names, and of all that change with them.
   *
   * @throws {InvalidOptionError} if there are none.
   */
  groupsNamedBy(models: unknown): string[] {
    const groups = this.groupsOf(this.#knownModels.namedBy(models))
    if (groups.length > 0) return groups
    throw new InvalidOptionError('models', 'the name of at least one model', models)
  }

  /** Returns the groups of what a caller says has changed. */
  groupsIn({ models, tags }: Changed): string[] {
    return [
      ...this.groupsOf(this.#knownModels.namedBy(models)),
      ...this.#groupsOfTags(checkTags(tags, 'tags')),
    ]
  }

  /** Runs a change, and makes all results of the groups invalid before it resolves. */
  async mutate<R>(groups: readonly string[], change: () => R | Promise<R>): Promise<R> {
    return this.results.mutateGroups(groups, change)
  }

  /** Begins a change like that of `mutate`, for one that outlives the call. */
  begin(groups: readonly string[], options?: MutationOptions): Promise<Mutation> {
    return this.results.beginGroupMutation(groups, options)
  }

  /** Makes all results of the groups invalid. */
  async invalidate(groups: readonly string[]): Promise<void> {
    if (groups.length > 0) await this.results.bump(groups)
  }

  /** Returns the result of a query, from the cache or from the database. */
  async read(
    { model, operation, args, dataPath, models, execute }: CachedQuery,
    { ttl, tags, autoInvalidate, variant }: ReadChoice,
  ): Promise<unknown> {
    // A read joins one with the same key that is under way: its groups have to be the same too.
    const query = [variant, model, operation, dataPath, args, autoInvalidate, tags]
    const key = argsKey(this.#Prisma, query)
    if (key === undefined) return execute()
    const groups = [...(autoInvalidate ? this.groupsOf(models) : []), ...this.#groupsOfTags(tags)]
    const result = await this.results.get({ key, groups, ttl, execute })
    return 'live' in result ? result.live : restored(this.#Prisma, result.value)
  }
}
