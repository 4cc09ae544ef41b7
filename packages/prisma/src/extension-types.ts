import type { CacheChoice, Changed } from './types.js'

/** What the extension adds to a client. */
export interface CachedClientMethods {
  /**
   * Returns a client like this one whose reads are cached: `$withCache('10m')`,
   * `$withCache({ ttl: '10m', tags: ['menu'] })`. With `false`, they ask the database. In a
   * transaction, reads always do.
   *
   * @throws {InvalidOptionError} if an option is wrong.
   * @example await prisma.$withCache().product.findMany({ where: { price: { lt: 10 } } })
   */
  $withCache<Client extends object>(this: Client, cache?: CacheChoice): Client
  /**
   * Makes results invalid, by model or tag. Use it after a change that Prisma did not execute.
   * Resolves when Redis has acknowledged it. In a transaction, call it before the change: the
   * results are invalid when the transaction ends.
   */
  $invalidate(changed: Changed): Promise<void>
}

/** The extension, as `$extends` of a generated client takes it. */
export type PrismaCacheExtension = (client: any) => {
  $extends: {
    extArgs: {
      result: {}
      model: {}
      query: {}
      client: { [Name in keyof CachedClientMethods]: () => CachedClientMethods[Name] }
    }
  }
}
