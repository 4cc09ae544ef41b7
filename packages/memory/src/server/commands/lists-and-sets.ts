import { integer, positions } from '../arguments.js'
import { OK, type ServerReply } from '../reply.js'
import { changes, grows, reads, type Commands, type Context } from './command.js'

function push(
  context: Context,
  [key, ...items]: readonly string[],
  how: 'push' | 'unshift',
): number {
  const list = context.database.getOrCreate(key!, 'list', () => [])
  for (const item of items) list[how](item)
  context.changed(key!)
  return list.length
}

export function pop(context: Context, key: string, how: 'pop' | 'shift'): string | null {
  const item = context.database.get(key, 'list')?.[how]() ?? null
  if (item === null) return null
  context.database.dropIfEmpty(key)
  context.changed(key)
  return item
}

function popMany(
  context: Context,
  key: string,
  count: string | undefined,
  how: 'pop' | 'shift',
): ServerReply {
  if (count === undefined) return pop(context, key, how)
  const items: string[] = []
  for (let i = integer(count); i > 0; i--) {
    const item = pop(context, key, how)
    if (item === null) break
    items.push(item)
  }
  return items.length > 0 ? items : null
}

export const listCommands: Commands = {
  LPUSH: grows(2, (context, args) => push(context, args, 'unshift')),
  RPUSH: grows(2, (context, args) => push(context, args, 'push')),
  LPOP: changes(1, (context, [key, count]) => popMany(context, key!, count, 'shift')),
  RPOP: changes(1, (context, [key, count]) => popMany(context, key!, count, 'pop')),
  LLEN: reads(1, ({ database }, [key]) => database.get(key!, 'list')?.length ?? 0),
  LRANGE: reads(3, ({ database }, [key, from, to]) => {
    const list = database.get(key!, 'list') ?? []
    return list.slice(...positions(list.length, integer(from), integer(to)))
  }),
  LTRIM: changes(3, (context, [key, from, to]) => {
    const list = context.database.get(key!, 'list')
    if (list === undefined) return OK
    const kept = list.slice(...positions(list.length, integer(from), integer(to)))
    list.splice(0, list.length, ...kept)
    context.database.dropIfEmpty(key!)
    context.changed(key!)
    return OK
  }),
  LREM: changes(3, (context, [key, count, item]) => {
    const list = context.database.get(key!, 'list') ?? []
    const most = Math.abs(integer(count)) || Infinity
    const order = [...list.keys()].filter((i) => list[i] === item)
    const gone = (integer(count) < 0 ? order.reverse() : order).slice(0, most)
    for (const i of gone.sort((a, b) => b - a)) list.splice(i, 1)
    context.database.dropIfEmpty(key!)
    if (gone.length > 0) context.changed(key!)
    return gone.length
  }),
}

export const setCommands: Commands = {
  SADD: grows(2, (context, [key, ...members]) => {
    const set = context.database.getOrCreate(key!, 'set', () => new Set())
    const before = set.size
    for (const member of members) set.add(member)
    context.changed(key!)
    return set.size - before
  }),
  SREM: changes(2, (context, [key, ...members]) => {
    const set = context.database.get(key!, 'set')
    const removed = members.filter((member) => set?.delete(member)).length
    context.database.dropIfEmpty(key!)
    if (removed > 0) context.changed(key!)
    return removed
  }),
  SMEMBERS: reads(1, ({ database }, [key]) => [...(database.get(key!, 'set') ?? [])]),
  SCARD: reads(1, ({ database }, [key]) => database.get(key!, 'set')?.size ?? 0),
  SISMEMBER: reads(2, ({ database }, [key, member]) =>
    database.get(key!, 'set')?.has(member!) ? 1 : 0,
  ),
}
