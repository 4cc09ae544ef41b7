import { OptionReader, formatScore, integer, positions, score, scoreBound } from '../arguments.js'
import { RedisError, syntaxError, type ServerReply } from '../reply.js'
import { SortedSet } from '../sorted-set.js'
import { changes, grows, reads, type Commands, type Context } from './command.js'

type Entries = readonly (readonly [member: string, score: number])[]

function entriesOf({ database }: Context, key: string): Entries {
  return database.get(key, 'zset')?.entries() ?? []
}

function add(context: Context, args: readonly string[]): ServerReply {
  const options = new OptionReader(args, 1)
  const flags = new Set<string>()
  while (['NX', 'XX', 'GT', 'LT', 'CH', 'INCR'].includes(options.peek()))
    flags.add(options.take().toUpperCase())
  const pairs = args.slice(options.position)
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw syntaxError()
  const scores = pairs.filter((_, i) => i % 2 === 0).map(score)
  const key = args[0]!
  const set = context.database.get(key, 'zset') ?? new SortedSet()
  const before = set.size
  let [changed, sum]: [number, number | null] = [0, null]
  for (const [i, given] of scores.entries()) {
    const member = pairs[2 * i + 1]!
    const old = set.score(member)
    if ((flags.has('NX') && old !== undefined) || (flags.has('XX') && old === undefined)) continue
    const next = flags.has('INCR') ? (old ?? 0) + given : given
    if (Number.isNaN(next)) throw new RedisError('ERR resulting score is not a number (NaN)')
    if (old !== undefined && ((flags.has('GT') && next <= old) || (flags.has('LT') && next >= old)))
      continue
    if (old !== next) changed++
    set.set(member, next)
    sum = next
  }
  if (set.size > 0 && before === 0)
    context.database.set(key, 'zset', set, context.database.expiresAt(key))
  if (changed > 0) context.changed(key)
  if (flags.has('INCR')) return sum === null ? null : formatScore(sum)
  return flags.has('CH') ? changed : set.size - before
}

function within(entries: Entries, low: string | undefined, high: string | undefined): Entries {
  const [from, to] = [scoreBound(low), scoreBound(high)]
  return entries.filter(([, value]) => from(value, true) && to(value, false))
}

function written(entries: Entries, withScores: boolean): string[] {
  return entries.flatMap(([member, value]) =>
    withScores ? [member, formatScore(value)] : [member],
  )
}

function limited(entries: Entries, offset: number, count: number): Entries {
  return entries.slice(offset, count < 0 ? undefined : offset + count)
}

function byScore(
  context: Context,
  [key, a, b, ...rest]: readonly string[],
  isReversed: boolean,
): ServerReply {
  const options = new OptionReader(rest, 0)
  let [offset, count, withScores] = [0, -1, false]
  while (!options.isAtEnd) {
    if (options.takeIf('WITHSCORES')) withScores = true
    else if (options.takeIf('LIMIT'))
      [offset, count] = [integer(options.take()), integer(options.take())]
    else throw syntaxError()
  }
  const found = isReversed
    ? within(entriesOf(context, key!), b, a).toReversed()
    : within(entriesOf(context, key!), a, b)
  return written(limited(found, offset, count), withScores)
}

function range(context: Context, [key, a, b, ...rest]: readonly string[]): ServerReply {
  const options = new OptionReader(rest, 0)
  let [isByScore, isReversed, withScores, offset, count] = [false, false, false, 0, -1]
  while (!options.isAtEnd) {
    if (options.takeIf('BYSCORE')) isByScore = true
    else if (options.takeIf('REV')) isReversed = true
    else if (options.takeIf('WITHSCORES')) withScores = true
    else if (options.takeIf('LIMIT'))
      [offset, count] = [integer(options.take()), integer(options.take())]
    else throw syntaxError()
  }
  const all = entriesOf(context, key!)
  if (isByScore) {
    const found = isReversed ? within(all, b, a).toReversed() : within(all, a, b)
    return written(limited(found, offset, count), withScores)
  }
  const ordered = isReversed ? all.toReversed() : all
  return written(ordered.slice(...positions(all.length, integer(a), integer(b))), withScores)
}

function removeAll(context: Context, key: string, entries: Entries): number {
  const set = context.database.get(key, 'zset')
  for (const [member] of entries) set!.delete(member)
  context.database.dropIfEmpty(key)
  if (entries.length > 0) context.changed(key)
  return entries.length
}

export const sortedSetCommands: Commands = {
  ZADD: grows(3, add),
  ZINCRBY: grows(3, (context, [key, by, member]) => add(context, [key!, 'INCR', by!, member!])),
  ZSCORE: reads(2, ({ database }, [key, member]) => {
    const found = database.get(key!, 'zset')?.score(member!)
    return found === undefined ? null : formatScore(found)
  }),
  ZMSCORE: reads(2, ({ database }, [key, ...members]) =>
    members.map((member) => {
      const found = database.get(key!, 'zset')?.score(member)
      return found === undefined ? null : formatScore(found)
    }),
  ),
  ZCARD: reads(1, ({ database }, [key]) => database.get(key!, 'zset')?.size ?? 0),
  ZCOUNT: reads(
    3,
    (context, [key, low, high]) => within(entriesOf(context, key!), low, high).length,
  ),
  ZRANK: reads(2, (context, [key, member]) => {
    const rank = entriesOf(context, key!).findIndex(([one]) => one === member)
    return rank < 0 ? null : rank
  }),
  ZREVRANK: reads(2, (context, [key, member]) => {
    const rank = entriesOf(context, key!)
      .toReversed()
      .findIndex(([one]) => one === member)
    return rank < 0 ? null : rank
  }),
  ZRANGE: reads(3, range),
  ZREVRANGE: reads(3, (context, [key, a, b, ...rest]) =>
    range(context, [key!, a!, b!, 'REV', ...rest]),
  ),
  ZRANGEBYSCORE: reads(3, (context, args) => byScore(context, args, false)),
  ZREVRANGEBYSCORE: reads(3, (context, args) => byScore(context, args, true)),
  ZREM: changes(2, (context, [key, ...members]) => {
    const set = context.database.get(key!, 'zset')
    const removed = members.filter((member) => set?.delete(member)).length
    context.database.dropIfEmpty(key!)
    if (removed > 0) context.changed(key!)
    return removed
  }),
  ZREMRANGEBYSCORE: changes(3, (context, [key, low, high]) =>
    removeAll(context, key!, within(entriesOf(context, key!), low, high)),
  ),
  ZREMRANGEBYRANK: changes(3, (context, [key, from, to]) => {
    const all = entriesOf(context, key!)
    return removeAll(context, key!, all.slice(...positions(all.length, integer(from), integer(to))))
  }),
  ZPOPMIN: changes(1, (context, [key, count = '1']) => {
    const found = entriesOf(context, key!).slice(0, integer(count))
    removeAll(context, key!, found)
    return written(found, true)
  }),
}
