import { InvalidOptionError, type CacheClient } from '@cache/core'
import {
  clientOption,
  functionOption,
  givenOption,
  readGroup,
  readOptions,
  required,
  type OptionTable,
} from '@cache/core/internal'
import { commandOf, type Action } from './actions.js'
import { createAnnouncingEntries } from './announcing-entries.js'
import type { InvalidationBus } from './bus.js'
import { busOption, checkBus } from './check-bus.js'
import { InvalidatorError } from './invalidator-error.js'
import { toRedisKey } from './key-names.js'

/** A function for each event that returns what the event invalidates. */
export type Rules = Readonly<Record<string, (...args: any[]) => readonly Action[]>>

export interface InvalidatorOptions<R extends Rules> {
  /** The client whose entries are invalidated. */
  readonly client: CacheClient
  /** A bus of this client, or of a client with the same driver and namespace. */
  readonly bus: InvalidationBus
  /** For each event, a function that returns what the event invalidates. */
  readonly rules: R
}

export interface Invalidator<R extends Rules> {
  /**
   * Runs all actions of the event's rule, in one pipeline. Dropped entries are announced by the
   * script that drops them. Prefixes and groups are announced in one message after that.
   *
   * Rejects with `InvalidatorError` if some actions failed; all others have been done.
   */
  emit<E extends keyof R & string>(event: E, ...args: Parameters<R[E]>): Promise<void>
}

/** The rows of `InvalidatorOptions`. */
const invalidatorOptions = {
  client: clientOption,
  bus: busOption,
  rules: givenOption(),
} satisfies OptionTable<InvalidatorOptions<any>>

function checkRules(rules: unknown): void {
  if (typeof rules !== 'object' || rules === null)
    throw new InvalidOptionError(
      'rules',
      'an object of functions, each under the name of its event',
      rules,
    )
  const table = Object.keys(rules).map((event) => [event, functionOption(required)] as const)
  readGroup(Object.fromEntries(table), rules, 'rules')
}

/**
 * Creates an invalidator: it maps each event of your domain to all that the event invalidates.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const invalidator = createInvalidator({
 *   client,
 *   bus,
 *   rules: {
 *     'user.deleted': (id: number) => [drop(['user', id]), setRemove('active_users', id)],
 *   },
 * })
 * await invalidator.emit('user.deleted', 42)
 */
export function createInvalidator<const R extends Rules>(
  options: InvalidatorOptions<R>,
): Invalidator<R> {
  const {
    client,
    bus: givenBus,
    rules,
  } = readOptions('createInvalidator', invalidatorOptions, options)
  const bus = checkBus(givenBus, client)
  checkRules(rules)
  const entries = client.entries.withNear(createAnnouncingEntries(bus))

  return {
    async emit(event, ...args) {
      const actions = actionsOf(rules, event, args)
      const dropped = ofKind(actions, 'drop').map(({ key }) => toRedisKey(client, key))
      const commands = ofKind(actions, 'remove').map((action) => commandOf(client, action))
      const inRedis = await Promise.allSettled([
        ...(dropped.length > 0 ? [entries.invalidate([...new Set(dropped)])] : []),
        ...commands.map((command) => client.send(command)),
      ])
      const prefixes = ofKind(actions, 'prefix').map(({ prefix }) => bus.publish({ prefix }))
      const groups = ofKind(actions, 'group').map(({ group }) => group)
      const published = await Promise.allSettled([
        ...prefixes,
        ...(groups.length > 0 ? [bus.publish({ groups })] : []),
      ])
      const errors = [...inRedis, ...published].flatMap((result) =>
        result.status === 'rejected' ? [result.reason as unknown] : [],
      )
      if (errors.length > 0) throw new InvalidatorError(event, errors, actions.length)
    },
  }
}

function actionsOf(rules: Rules, event: string, args: unknown[]): readonly Action[] {
  const rule = Object.hasOwn(rules, event) ? rules[event] : undefined
  if (!rule) throw new InvalidOptionError('event', `one of ${Object.keys(rules).join(', ')}`, event)
  const actions = rule(...args)
  if (!Array.isArray(actions) || !actions.every(isAction))
    throw new InvalidOptionError(
      `rules.${event}`,
      'a function that returns an array of actions: drop(…), listRemove(…), …',
      actions,
    )
  return actions
}

function ofKind<K extends Action['kind']>(
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
