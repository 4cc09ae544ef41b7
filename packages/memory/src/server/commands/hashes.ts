import { integer } from '../arguments.js'
import { OK, RedisError } from '../reply.js'
import { changes, grows, reads, type Commands, type Context } from './command.js'

function hashOf({ database }: Context, key: string): Map<string, string> {
  return database.getOrCreate(key, 'hash', () => new Map())
}

function setFields(context: Context, [key, ...pairs]: readonly string[]): number {
  if (pairs.length % 2 !== 0)
    throw new RedisError("ERR wrong number of arguments for 'hset' command")
  const hash = hashOf(context, key!)
  const before = hash.size
  for (let i = 0; i < pairs.length; i += 2) hash.set(pairs[i]!, pairs[i + 1]!)
  context.changed(key!)
  return hash.size - before
}

export const hashCommands: Commands = {
  HGET: reads(2, ({ database }, [key, field]) => database.get(key!, 'hash')?.get(field!) ?? null),
  HMGET: reads(2, ({ database }, [key, ...fields]) => {
    const hash = database.get(key!, 'hash')
    return fields.map((field) => hash?.get(field) ?? null)
  }),
  HGETALL: reads(1, ({ database }, [key]) => [...(database.get(key!, 'hash') ?? [])].flat()),
  HKEYS: reads(1, ({ database }, [key]) => [...(database.get(key!, 'hash')?.keys() ?? [])]),
  HVALS: reads(1, ({ database }, [key]) => [...(database.get(key!, 'hash')?.values() ?? [])]),
  HLEN: reads(1, ({ database }, [key]) => database.get(key!, 'hash')?.size ?? 0),
  HEXISTS: reads(2, ({ database }, [key, field]) =>
    database.get(key!, 'hash')?.has(field!) ? 1 : 0,
  ),
  HSET: grows(3, setFields),
  HMSET: grows(3, (context, args) => (setFields(context, args), OK)),
  HSETNX: grows(3, (context, [key, field, value]) => {
    if (context.database.get(key!, 'hash')?.has(field!)) return 0
    return setFields(context, [key!, field!, value!])
  }),
  HINCRBY: grows(3, (context, [key, field, by]) => {
    const before = context.database.get(key!, 'hash')?.get(field!) ?? '0'
    if (!/^-?\d{1,19}$/.test(before)) throw new RedisError('ERR hash value is not an integer')
    const sum = BigInt(before) + BigInt(integer(by))
    setFields(context, [key!, field!, String(sum)])
    return Number(sum)
  }),
  HDEL: changes(2, (context, [key, ...fields]) => {
    const hash = context.database.get(key!, 'hash')
    const deleted = fields.filter((field) => hash?.delete(field)).length
    context.database.dropIfEmpty(key!)
    if (deleted > 0) context.changed(key!)
    return deleted
  }),
}
