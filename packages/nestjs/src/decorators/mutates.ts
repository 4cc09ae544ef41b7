import type { Duration } from '@cache/core'
import { customOption, durationOption, readOptions, type OptionTable } from '@cache/core/internal'
import { methodDecorator, type InjectClient, type AsyncMethodDecorator } from './method.js'
import { checkTarget, targetFor, targetOptions, type Target, type TargetOptions } from './target.js'

/** Options of `@Mutates`: the entries that the method changes, and how long it may take. */
export interface MutatesOptions<Args extends readonly any[]> extends TargetOptions<Args> {
  /**
   * How long the method may take. If its process dies, the old values are read for at most this
   * long. Default 5 s, or that of the client.
   */
  readonly intentTtl?: Duration
}

/** The rows of `MutatesOptions`. */
const mutatesOptions = {
  ...targetOptions,
  intentTtl: customOption(
    (value, path) => durationOption().check(value, path) as Duration | undefined,
  ),
} satisfies OptionTable<MutatesOptions<any>>

/** Creates the decorator `@Mutates`. */
export function mutates<Args extends readonly any[]>(
  given: MutatesOptions<Args>,
  inject?: InjectClient,
): AsyncMethodDecorator<Args> {
  const options = readOptions('@Mutates', mutatesOptions, given) as MutatesOptions<Args>
  checkTarget(options)
  return methodDecorator(
    'Mutates',
    options.client!,
    (method, name) => {
      const owner = {}
      return async function (this: unknown, ...args) {
        const target = targetFor(options, owner, { self: this, args, name })
        return mutate(target, () => method.apply(this, args))
      }
    },
    inject,
  )
}

/** Runs the change inside a mutation of the keys and of the tags. */
function mutate<R>(
  { entries, ids, groups, tags }: Target,
  change: () => R | Promise<R>,
): R | Promise<R> {
  const withTags = groups ? () => groups.mutateGroups(tags, change) : change
  return entries ? entries.mutate(ids, withTags) : withTags()
}
