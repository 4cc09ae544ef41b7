import { argumentKey } from '@cache/aside'
import { InvalidOptionError, UsageError, type KeyPart } from '@cache/core'
import { checkPrefix, customOption, type Option } from '@cache/core/internal'

/** The parts of a key after the prefix. */
export type KeyParts = KeyPart | readonly KeyPart[]

/** A prefix, or a function that returns it from the object that has the method. */
export type Prefix = string | ((self: any) => string)

/** Tags, or a function that returns them from the arguments of a call. `this` is the object. */
export type TagsOf<Args extends readonly any[]> =
  readonly string[] | ((this: any, ...args: Args) => readonly string[])

/** The option `prefix`. */
export const prefixOption: Option<Prefix | undefined> = customOption((value, path) => {
  if (value === undefined || typeof value === 'function') return value as Prefix | undefined
  return checkPrefix(path, value)
})

/** The option `tags`. */
export const tagsOption: Option<TagsOf<any> | undefined> = customOption((value, path) => {
  if (value === undefined || typeof value === 'function') return value as TagsOf<any> | undefined
  return checkTags(value, path)
})

/** Returns the tags of a call. @throws {InvalidOptionError} */
export function tagsFor(
  tags: TagsOf<any> | undefined,
  self: unknown,
  args: readonly unknown[],
): readonly string[] {
  if (typeof tags !== 'function') return tags ?? []
  return checkTags(tags.apply(self, args as unknown[]), 'tags')
}

export function checkTags(value: unknown, path: string): readonly string[] {
  const isValid =
    Array.isArray(value) && value.every((tag) => typeof tag === 'string' && tag !== '')
  if (!isValid) throw new InvalidOptionError(path, 'an array of non-empty strings', value)
  return value as readonly string[]
}

/** Returns the prefix of a call. */
export function prefixFor(prefix: Prefix, self: unknown): string {
  return typeof prefix === 'function' ? checkPrefix('prefix', prefix(self)) : prefix
}

/** Returns the key of a call: that of the function, or else a text of the arguments. */
export function keyFor(
  key: ((this: any, ...args: any[]) => KeyParts) | undefined,
  self: unknown,
  args: readonly unknown[],
): KeyParts {
  return key ? key.apply(self, args as unknown[]) : argumentKey(args)
}

/**
 * Notices a method that instances of two classes share. Two repositories that inherit a cached
 * `findOne(id)` would return the rows of each other.
 */
export class OneClass {
  #first: unknown

  /** @throws {UsageError} if `self` is of another class than the first object. */
  check(self: unknown, method: string): void {
    const owner = classOf(self)
    this.#first ??= owner
    if (owner !== this.#first)
      throw new UsageError(
        `${method} was called on a ${nameOf(owner)} and on a ${nameOf(this.#first)}, which would ` +
          'share their entries. Pass a function as "prefix": it gets the object, and returns the ' +
          'prefix of its class.',
      )
  }
}

function classOf(self: unknown): unknown {
  return typeof self === 'function' ? self : (self as object | null | undefined)?.constructor
}

function nameOf(owner: unknown): string {
  return (owner as { name?: string } | undefined)?.name || 'object without a class'
}
