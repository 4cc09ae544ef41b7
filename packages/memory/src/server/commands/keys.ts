import { OptionReader, integer } from '../arguments.js'
import { OK, RedisError, Status, syntaxError, type ServerReply } from '../reply.js'
import { SortedSet } from '../sorted-set.js'
import { globToRegExp } from '../glob.js'
import { changes, grows, reads, type Commands, type Context } from './command.js'

function expire(
  context: Context,
  [key, time, ...flags]: readonly string[],
  unit: number,
  from: number,
): number {
  const { database } = context
  const at = from + integer(time) * unit
  const old = database.expiresAt(key!)
  for (const flag of flags.map((one) => one.toUpperCase())) {
    if (flag === 'NX' && old !== undefined) return 0
    if (flag === 'XX' && old === undefined) return 0
    if (flag === 'GT' && (old === undefined || at <= old)) return 0
    if (flag === 'LT' && old !== undefined && at >= old) return 0
  }
  if (!database.expireAt(key!, at)) return 0
  context.changed(key!)
  return 1
}

function lifetime({ database, now }: Context, key: string): number {
  if (!database.has(key)) return -2
  const at = database.expiresAt(key)
  return at === undefined ? -1 : at - now()
}

function remove(context: Context, keys: readonly string[]): number {
  const removed = keys.filter((key) => context.database.delete(key))
  for (const key of removed) context.changed(key)
  return removed.length
}

function scan({ database }: Context, [cursor, ...rest]: readonly string[]): ServerReply {
  const options = new OptionReader(rest, 0)
  let [pattern, count, type]: [RegExp | undefined, number, string | undefined] = [
    undefined,
    10,
    undefined,
  ]
  while (!options.isAtEnd) {
    if (options.takeIf('MATCH')) pattern = globToRegExp(options.take())
    else if (options.takeIf('COUNT')) count = integer(options.take())
    else if (options.takeIf('TYPE')) type = options.take().toLowerCase()
    else throw syntaxError()
  }
  const { keys, next } = database.page(integer(cursor), count)
  return [
    String(next),
    keys.filter(
      (key) => (!pattern || pattern.test(key)) && (!type || database.typeOf(key) === type),
    ),
  ]
}

/** What `DUMP` writes: JSON, which only this server restores. */
function dump({ database }: Context, key: string): string | null {
  const type = database.typeOf(key)
  if (type === undefined) return null
  const value = database.get(key, type)!
  const plain =
    type === 'zset'
      ? (value as { entries(): unknown }).entries()
      : value instanceof Map || value instanceof Set
        ? [...value]
        : value
  if (type === 'stream') throw new RedisError('ERR DUMP of streams is not supported in memory')
  return JSON.stringify([type, plain], (_, item: unknown) =>
    item === Infinity ? 'inf' : item === -Infinity ? '-inf' : item,
  )
}

function restore(context: Context, [key, ttl, dumped, ...flags]: readonly string[]): ServerReply {
  const { database, now } = context
  if (database.has(key!) && !flags.some((flag) => flag.toUpperCase() === 'REPLACE'))
    throw new RedisError('BUSYKEY Target key name already exists.')
  let [type, plain]: [string, any] = ['', undefined]
  try {
    ;[type, plain] = JSON.parse(dumped!) as [string, unknown]
  } catch {
    throw new RedisError('ERR DUMP payload version or checksum are wrong')
  }
  const expires =
    integer(ttl) > 0
      ? flags.some((flag) => flag.toUpperCase() === 'ABSTTL')
        ? integer(ttl)
        : now() + integer(ttl)
      : undefined
  if (type === 'string') database.set(key!, 'string', plain as string, expires)
  else if (type === 'list') database.set(key!, 'list', plain as string[], expires)
  else if (type === 'hash')
    database.set(key!, 'hash', new Map(plain as [string, string][]), expires)
  else if (type === 'set') database.set(key!, 'set', new Set(plain as string[]), expires)
  else {
    const set = database.getOrCreate(key!, 'zset', () => new SortedSet())
    for (const [member, value] of plain as [string, number | string][])
      set.set(member, value === 'inf' ? Infinity : value === '-inf' ? -Infinity : (value as number))
    database.expireAt(key!, expires)
  }
  context.changed(key!)
  return OK
}

export const keyCommands: Commands = {
  DEL: changes(1, remove),
  UNLINK: changes(1, remove),
  EXISTS: reads(1, ({ database }, keys) => keys.filter((key) => database.has(key)).length),
  TYPE: reads(1, (context, [key]) => new Status(context.database.typeOf(key!) ?? 'none')),
  PTTL: reads(1, (context, [key]) => lifetime(context, key!)),
  TTL: reads(1, (context, [key]) => {
    const left = lifetime(context, key!)
    return left < 0 ? left : Math.round(left / 1_000)
  }),
  PEXPIRETIME: reads(1, ({ database }, [key]) =>
    database.has(key!) ? (database.expiresAt(key!) ?? -1) : -2,
  ),
  PEXPIRE: changes(2, (context, args) => expire(context, args, 1, context.now())),
  EXPIRE: changes(2, (context, args) => expire(context, args, 1_000, context.now())),
  PEXPIREAT: changes(2, (context, args) => expire(context, args, 1, 0)),
  PERSIST: changes(1, (context, [key]) => {
    if (context.database.expiresAt(key!) === undefined) return 0
    context.database.expireAt(key!, undefined)
    context.changed(key!)
    return 1
  }),
  SCAN: reads(1, scan),
  KEYS: reads(1, ({ database }, [pattern]) => {
    const matches = globToRegExp(pattern!)
    return database.keys().filter((key) => matches.test(key))
  }),
  DUMP: reads(1, (context, [key]) => dump(context, key!)),
  RESTORE: grows(3, restore),
}
