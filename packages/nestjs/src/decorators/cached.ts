import { createReadThrough } from '@cache/aside'
import {
  UsageError,
  type CacheClient,
  type LoadPolicyOptions,
  type SourceReads,
  type Ttl,
} from '@cache/core'
import {
  customOption,
  functionOption,
  loadPolicyOptions,
  readOptions,
  type OptionTable,
} from '@cache/core/internal'
import { createVersioned } from '@cache/versioning'
import { ClientScope, type Made } from './client-scope.js'
import { clientFor, clientSourceOption, type ClientSource } from './client.js'
import {
  checkTags,
  keyFor,
  OneClass,
  prefixFor,
  prefixOption,
  tagsFor,
  tagsOption,
  type KeyParts,
  type Prefix,
  type TagsOf,
} from './keys.js'
import {
  methodDecorator,
  type AsyncMethod,
  type InjectClient,
  type AsyncMethodDecorator,
} from './method.js'

/**
 * Options of `@Cached`. The functions get the arguments of the call, and the object as `this`. The
 * options that all caches have in common are those of `LoadPolicyOptions`.
 */
export interface CachedOptions<Args extends readonly any[], T> extends LoadPolicyOptions<T> {
  /**
   * The first part of every key, after the client's namespace. Each method needs a prefix of its
   * own. Pass a function of the object for a method that several classes inherit. It returns one of
   * a few prefixes: what tells tenants or users apart belongs into `key`.
   */
  readonly prefix: Prefix
  /**
   * Returns the key of a call, one part or several. It must contain everything that the result
   * depends on. Default: a text of the arguments that tells all arguments apart; instances of
   * classes and functions have none, and need this option.
   */
  readonly key?: (this: any, ...args: Args) => KeyParts
  /**
   * The tags of the result, with which `@Invalidates` and `@Mutates` find it. Default none. With
   * tags, the ttl can't be `'never'`.
   */
  readonly tags?: TagsOf<Args>
  /**
   * Returns further tags, which only the result tells: `(product) => ['brand:' + product.brand]`.
   * The first result with a new tag may not be cached.
   */
  readonly resultTags?: (this: any, result: T, ...args: Args) => readonly string[]
  /**
   * The client to use: its name in `CacheModule`, a client, or a function that returns it from the
   * object. Default 'default'.
   */
  readonly client?: ClientSource
}

/** The rows of `CachedOptions`. */
const cachedOptions = {
  ...loadPolicyOptions,
  ttl: customOption((ttl, path) =>
    ttl === undefined ? undefined : loadPolicyOptions.ttl.check(ttl, path),
  ),
  prefix: customOption((value, path) => prefixOption.check(value ?? null, path) as Prefix),
  key: functionOption(),
  tags: tagsOption,
  resultTags: functionOption(),
  client: clientSourceOption,
} satisfies OptionTable<CachedOptions<any, any>>

/** Creates the decorator `@Cached`. */
export function cached<Args extends readonly any[], T>(
  options: CachedOptions<Args, T>,
  inject?: InjectClient,
): AsyncMethodDecorator<Args, T> {
  const { prefix, key, tags, resultTags, client } = readOptions('@Cached', cachedOptions, options)
  const policy: LoadPolicyOptions<any> = Object.fromEntries(
    Object.keys(loadPolicyOptions).flatMap((name) => {
      const value = options[name as keyof LoadPolicyOptions<T>]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const hasTags = tags !== undefined || resultTags !== undefined

  return methodDecorator(
    'Cached',
    client,
    (method, name) => {
      /** What this method has on each client: a cache for each prefix. */
      const owner = {}
      return function (this: unknown, ...args) {
        return read(this, args)
      }

      async function read(self: unknown, args: unknown[]): Promise<unknown> {
        const from = clientFor(client, self, name)
        const caches = ClientScope.of(from).get(owner, () => new CachesByPrefix(name))
        if (typeof prefix === 'string') caches.oneClass.check(self, name)
        const cache = caches.get(prefixFor(prefix, self), (ownPrefix) => create(from, ownPrefix))
        return cache.get({ method, self, args, key: keyFor(key, self, args) })
      }
    },
    inject,
  )

  function create(from: CacheClient, ownPrefix: string): Cache {
    const common = {
      ...(policy as { readonly ttl: Exclude<Ttl, 'never'> }),
      client: from,
      prefix: ownPrefix,
      key: (call: Call) => call.key,
      load: ({ method, self, args }: Call) => method.apply(self, args),
    }
    if (!hasTags) return createReadThrough<unknown, Call>(common)
    return createVersioned<unknown, Call>({
      ...common,
      groups: ({ self, args }, value) => {
        const known = tagsFor(tags, self, args)
        if (!resultTags) return known
        if (value === undefined) return tags && known // "there is none" has the known tags, too
        const learnt = checkTags(
          resultTags.apply(self, [value as T, ...args] as unknown as [T, ...Args]),
          'resultTags',
        )
        return [...known, ...learnt]
      },
    })
  }
}

/** One call of a cached method. */
interface Call {
  readonly method: AsyncMethod
  readonly self: unknown
  readonly args: unknown[]
  readonly key: KeyParts
}

interface Cache extends SourceReads<unknown, Call> {
  idle(): Promise<void>
}

/** The caches of one method on one client. */
class CachesByPrefix implements Made {
  readonly oneClass = new OneClass()
  readonly #caches = new Map<string, Cache>()
  readonly #method: string

  constructor(method: string) {
    this.#method = method
  }

  get(prefix: string, create: (prefix: string) => Cache): Cache {
    const existing = this.#caches.get(prefix)
    if (existing) return existing
    if (this.#caches.size === MAX_PREFIXES)
      throw new UsageError(
        `The function "prefix" of ${this.#method} has returned ${MAX_PREFIXES} prefixes. ` +
          'Put what tells tenants or users apart into "key".',
      )
    const cache = create(prefix)
    this.#caches.set(prefix, cache)
    return cache
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.idle()))
  }
}

const MAX_PREFIXES = 1_000
