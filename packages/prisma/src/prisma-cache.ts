import type { CacheStats, Mutation, MutationOptions } from '@cache/core'
import { Engine } from './engine.js'
import type { PrismaCacheExtension } from './extension-types.js'
import { extendClient } from './extension.js'
import type { Changed, PrismaCacheOptions } from './types.js'

/**
 * Creates a cache for the results of Prisma queries, tagged by the models that they read. Pass its
 * extension to `$extends`, after all extensions with a `query` component.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const cache = createPrismaCache({ client, Prisma, ttl: '10m' })
 * const prisma = new PrismaClient({ adapter }).$extends(cache.extension)
 * await prisma.$withCache().product.findMany()
 */
export function createPrismaCache(options: PrismaCacheOptions): PrismaCache {
  return new PrismaCache(options)
}

/** A cache for the results of Prisma queries. Use `createPrismaCache`. */
export class PrismaCache {
  readonly #engine: Engine

  constructor(options: PrismaCacheOptions) {
    this.#engine = new Engine(options)
  }

  /**
   * The extension for `$extends`. Through the client that `$extends` returns:
   *
   * - A read that begins after a write or transaction was acknowledged never returns rows from
   *   before, in any process. A query that was running during the write is never stored.
   * - Nothing that a transaction reads is cached, and no read within it comes from the cache.
   * - A write rejects with `CacheUnavailableError`, and nothing is changed, if Redis does not
   *   answer. If Redis stops answering after the database has committed, it rejects with
   *   `CacheWriteError`.
   */
  get extension(): PrismaCacheExtension {
    return (client) => extendClient(client, this.#engine) as ReturnType<PrismaCacheExtension>
  }

  /**
   * Makes results invalid, by model or tag. Use it after a change that the client with the
   * extension did not execute. Resolves when Redis has acknowledged it.
   */
  async invalidate(changed: Changed): Promise<void> {
    await this.#engine.invalidate(this.#engine.groupsIn(changed))
  }

  /**
   * Runs `change`, which writes these models in a way that Prisma does not tell the cache: raw SQL,
   * another client or library. Their results are invalid before it resolves.
   *
   * Rejects with `CacheUnavailableError` without running `change` if Redis does not answer.
   *
   * @example await cache.mutate('User', () => prisma.$executeRaw`update users set …`)
   */
  async mutate<R>(
    models: string | readonly string[],
    change: () => R | PromiseLike<R>,
  ): Promise<R> {
    return this.#engine.mutate(this.#engine.groupsNamedBy(models), async () => change())
  }

  /** Begins a change like that of `mutate`, for one that outlives the call. */
  async beginMutation(
    models: string | readonly string[],
    options?: MutationOptions,
  ): Promise<Mutation> {
    return this.#engine.begin(this.#engine.groupsNamedBy(models), options)
  }

  /**
   * Returns the group of a model. A cache of `@cache/versioning` in the same namespace whose groups
   * include it becomes invalid with the model.
   */
  groupOf(model: string): string {
    return this.#engine.groupOf(model)
  }

  /** Returns what the cache has done in this process. */
  stats(): CacheStats {
    return this.#engine.results.stats()
  }

  /** Resolves when no reload is running in the background. */
  idle(): Promise<void> {
    return this.#engine.results.idle()
  }
}
