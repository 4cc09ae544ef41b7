import { channels } from '@cache/core'
import { emit, readOptions } from '@cache/core/internal'
import { methodDecorator, type InjectClient, type AsyncMethodDecorator } from './method.js'
import { checkTarget, targetFor, targetOptions, type Target, type TargetOptions } from './target.js'

/** Creates the decorator `@Invalidates`. */
export function invalidates<Args extends readonly any[]>(
  given: TargetOptions<Args>,
  inject?: InjectClient,
): AsyncMethodDecorator<Args> {
  const options = readOptions('@Invalidates', targetOptions, given) as TargetOptions<Args>
  checkTarget(options)
  return methodDecorator(
    'Invalidates',
    options.client!,
    (method, name) => {
      const owner = {}
      return async function (this: unknown, ...args) {
        // Before the call, so that invalid keys change nothing.
        const target = targetFor(options, owner, { self: this, args, name })
        let result: unknown
        try {
          result = await method.apply(this, args)
        } catch (error) {
          // The method may have changed something before it failed.
          await invalidate(target).catch((cause: unknown) =>
            emit(channels.error, () => ({ operation: 'invalidate', error: cause })),
          )
          throw error
        }
        await invalidate(target)
        return result
      }
    },
    inject,
  )
}

async function invalidate({ entries, ids, groups, tags }: Target): Promise<void> {
  await Promise.all([entries?.invalidate(ids), groups?.bump(tags)])
}
