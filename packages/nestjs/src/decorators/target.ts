import { argumentKey, createAside, type Aside } from '@cache/aside'
import { InvalidOptionError, type CacheClient, type Duration } from '@cache/core'
import { clientOfParts, functionOption, type OptionTable } from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import { ClientScope } from './client-scope.js'
import { clientFor, clientSourceOption, type ClientSource } from './client.js'
import {
  keyFor,
  prefixFor,
  prefixOption,
  tagsFor,
  tagsOption,
  type KeyParts,
  type Prefix,
  type TagsOf,
} from './keys.js'

/**
 * The entries that a method makes invalid: those with these keys, those with these tags, or both.
 * The functions get the arguments of the call, and the object as `this`.
 */
export interface TargetOptions<Args extends readonly any[]> {
  /** The prefix of the `@Cached` method whose entries these are. Needed for keys. */
  readonly prefix?: Prefix
  /** Returns the key of one entry, as the option `key` of `@Cached` does. */
  readonly key?: (this: any, ...args: Args) => KeyParts
  /** Returns the keys of several entries. */
  readonly keys?: (this: any, ...args: Args) => readonly KeyParts[]
  /**
   * Returns the arguments of the cached call, for a `@Cached` method without the option `key`.
   * Default, if there is a `prefix`: all arguments of this method.
   */
  readonly args?: (this: any, ...args: Args) => readonly unknown[]
  /** The tags, or a function that returns them. Default none. */
  readonly tags?: TagsOf<Args>
  /**
   * The client to use: its name in `CacheModule`, a client, or a function that returns it from the
   * object. Default 'default'.
   */
  readonly client?: ClientSource
}

/** The rows of `TargetOptions`. */
export const targetOptions = {
  prefix: prefixOption,
  key: functionOption(),
  keys: functionOption(),
  args: functionOption(),
  tags: tagsOption,
  client: clientSourceOption,
} satisfies OptionTable<TargetOptions<any>>

/** Checks what depends on several options. @throws {InvalidOptionError} */
export function checkTarget(options: TargetOptions<any>): void {
  const ways = (['key', 'keys', 'args'] as const).filter((name) => options[name] !== undefined)
  if (options.prefix === undefined && options.tags === undefined)
    throw new InvalidOptionError('prefix', 'passed, or else "tags"')
  if (options.prefix === undefined && ways.length > 0)
    throw new InvalidOptionError('prefix', `passed together with "${ways[0]!}"`)
  if (ways.length > 1)
    throw new InvalidOptionError(ways[1]!, `left out, because there is "${ways[0]!}"`)
}

/** What one call makes invalid. */
export interface Target {
  readonly entries: Aside<unknown, EntryId> | undefined
  readonly ids: readonly EntryId[]
  readonly groups: Pick<Versioned<unknown, never>, 'bump' | 'mutateGroups'> | undefined
  readonly tags: readonly string[]
}

/** An id is never an array, so the parts of a key are wrapped. */
interface EntryId {
  readonly parts: KeyParts
}

/** Returns what a call makes invalid. `owner` stands for the decorator. */
export function targetFor(
  options: TargetOptions<any> & { readonly intentTtl?: Duration },
  owner: object,
  { self, args, name }: { readonly self: unknown; readonly args: unknown[]; readonly name: string },
): Target {
  const client = clientFor(options.client!, self, name)
  const made = ClientScope.of(client).get(owner, () => new TargetCaches(client, options.intentTtl))
  const { prefix, keys } = options
  const parts =
    prefix === undefined
      ? []
      : keys
        ? keysFrom(keys.apply(self, args))
        : [
            options.args
              ? argumentKey(options.args.apply(self, args))
              : keyFor(options.key, self, args),
          ]
  const tags = tagsFor(options.tags, self, args)
  return {
    entries: parts.length > 0 ? made.entries(prefixFor(prefix!, self)) : undefined,
    ids: parts.map((one) => ({ parts: one })),
    groups: tags.length > 0 ? made.groups() : undefined,
    tags,
  }
}

function keysFrom(keys: unknown): readonly KeyParts[] {
  if (!Array.isArray(keys))
    throw new InvalidOptionError('keys', 'a function that returns an array of keys', keys)
  return keys as readonly KeyParts[]
}

/**
 * The caches through which a decorator changes entries of others. They never load, and store
 * nothing.
 */
class TargetCaches {
  readonly #client: CacheClient
  readonly #options: { readonly ttl: Duration; readonly intentTtl?: Duration }
  readonly #entries = new Map<string, Aside<unknown, EntryId>>()
  #groups: Versioned<unknown, never> | undefined

  constructor(client: CacheClient, intentTtl: Duration | undefined) {
    this.#client = clientOfParts(client)
    const byDefault = client.defaults?.intentTtl
    const used = intentTtl ?? byDefault
    this.#options = { ttl: '1m', ...(used !== undefined && { intentTtl: used }) }
  }

  entries(prefix: string): Aside<unknown, EntryId> {
    const existing = this.#entries.get(prefix)
    if (existing) return existing
    const created = createAside<unknown, EntryId>({
      ...this.#options,
      client: this.#client,
      prefix,
      key: ({ parts }) => parts,
    })
    if (this.#entries.size < MAX_PREFIXES) this.#entries.set(prefix, created)
    return created
  }

  groups(): Versioned<unknown, never> {
    return (this.#groups ??= createVersioned<unknown, never>({
      ...this.#options,
      client: this.#client,
      prefix: 'tags',
      groups: () => [],
      load: () => undefined,
    }))
  }
}

const MAX_PREFIXES = 1_000
