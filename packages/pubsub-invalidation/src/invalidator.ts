import { InvalidOptionError, type CacheClient } from '@cache/core'
import { checkClient, checkOptions } from '@cache/core/internal'
import { commandOf, type Action } from './actions.js'
import { announcer } from './announcer.js'
import { busOf, wholeKey, type InvalidationBus } from './bus.js'
import { InvalidatorError } from './invalidator-error.js'

/** For each event, what it makes wrong. */
export type Rules = Readonly<Record<string, (...args: any[]) => readonly Action[]>>

export interface InvalidatorOptions<R extends Rules> {
  readonly client: CacheClient
  readonly bus: InvalidationBus
  readonly rules: R
}

export interface Invalidator<R extends Rules> {
  /**
   * Does all that the event's rule says, in one pipeline; dropped entries are announced by the
   * script that drops them, prefixes and groups in one message behind it. Rejects with
   * `InvalidatorError` if some of it failed; the rest is done.
   */
  emit<E extends keyof R & string>(event: E, ...args: Parameters<R[E]>): Promise<void>
}

/**
 * Event-based invalidation: one event, and everything it touches.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const invalidator = createInvalidator({ client, bus, rules: {
 *   'user.deleted': (id: number) => [drop(['user', id]), listRemove('recent_users', id), setRemove('active_users', id)],
 * } })
 * await invalidator.emit('user.deleted', 42)
 */
export function createInvalidator<const R extends Rules>(
  options: InvalidatorOptions<R>,
): Invalidator<R> {
  const check = checkOptions('createInvalidator', options, ['client', 'bus', 'rules'])
  const client = checkClient(check)
  const bus = busOf(check, client)
  if (!check.has('rules'))
    check.fail('rules', 'an object of functions, each by the name of its event')
  const rules = check.nested('rules', Object.keys(options.rules ?? {}))
  for (const event of Object.keys(options.rules)) rules.function(event, 'required')
  const entries = client.entries.withNear(announcer(bus))

  return {
    async emit(event, ...args) {
      const rule = Object.hasOwn(options.rules, event) ? options.rules[event] : undefined
      if (!rule)
        throw new InvalidOptionError(
          'event',
          `one of ${Object.keys(options.rules).join(', ')}`,
          event,
        )
      const actions = rule(...args)
      if (!Array.isArray(actions) || !actions.every(isAction))
        throw new InvalidOptionError(
          `rules.${event}`,
          'a function that answers with an array of actions: drop(…), listRemove(…), …',
          actions,
        )
      const dropped = [...new Set(of(actions, 'drop').map(({ key }) => wholeKey(client, key)))]
      const commands = of(actions, 'remove').map((action) => commandOf(client, action))
      const done = await Promise.allSettled([
        ...(dropped.length > 0 ? [entries.invalidate(dropped)] : []),
        ...commands.map((command) => client.send(command)),
      ])
      const prefixes = of(actions, 'prefix').map(({ prefix }) => bus.publish({ prefix }))
      const groups = of(actions, 'group').map(({ group }) => group)
      done.push(
        ...((await Promise.allSettled([
          ...prefixes,
          ...(groups.length > 0 ? [bus.publish({ groups })] : []),
        ])) as PromiseSettledResult<never>[]),
      )
      const errors = done.flatMap((one) =>
        one.status === 'rejected' ? [one.reason as unknown] : [],
      )
      if (errors.length > 0) throw new InvalidatorError(event, errors, actions.length)
    },
  }
}

function of<K extends Action['kind']>(
  actions: readonly Action[],
  kind: K,
): Extract<Action, { kind: K }>[] {
  return actions.filter((action): action is Extract<Action, { kind: K }> => action.kind === kind)
}

function isAction(action: unknown): action is Action {
  return ['drop', 'remove', 'prefix', 'group'].includes(
    (action as Action | undefined)?.kind as string,
  )
}
