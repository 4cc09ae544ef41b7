import { OptionReader, integer } from '../arguments.js'
import { OK, RedisError, notInteger, syntaxError, type ServerReply } from '../reply.js'
import { changes, exactly, grows, reads, type Commands, type Context } from './command.js'

function set(context: Context, args: readonly string[]): ServerReply {
  const { database, now } = context
  const [key, value] = args as [string, string]
  const options = new OptionReader(args, 2)
  let expires: number | undefined
  let keeps = false
  let returnsOld = false
  let only: 'NX' | 'XX' | undefined
  while (!options.isAtEnd) {
    const word = options.take().toUpperCase()
    if (word === 'NX' || word === 'XX') only = word
    else if (word === 'GET') returnsOld = true
    else if (word === 'KEEPTTL') keeps = true
    else if (['EX', 'PX', 'EXAT', 'PXAT'].includes(word)) {
      const amount = integer(options.take())
      if (amount <= 0) throw new RedisError("ERR invalid expire time in 'set' command")
      const ms = word.startsWith('EX') ? amount * 1_000 : amount
      expires = word.endsWith('AT') ? ms : now() + ms
    } else throw syntaxError()
  }
  const old = returnsOld ? (database.get(key, 'string') ?? null) : null
  if (only && database.has(key) !== (only === 'XX')) return old
  database.set(key, 'string', value, keeps ? database.expiresAt(key) : expires)
  context.changed(key)
  return returnsOld ? old : OK
}

function increment(context: Context, key: string, by: number): number {
  const { database } = context
  const before = database.get(key, 'string') ?? '0'
  if (!/^-?\d{1,19}$/.test(before)) throw notInteger()
  const sum = BigInt(before) + BigInt(by)
  if (sum > 2n ** 63n - 1n || sum < -(2n ** 63n))
    throw new RedisError('ERR increment or decrement would overflow')
  database.set(key, 'string', String(sum), database.expiresAt(key))
  context.changed(key)
  return Number(sum)
}

function valueOf(context: Context, key: string): string | null {
  return context.database.get(key, 'string') ?? null
}

export const stringCommands: Commands = {
  GET: exactly(reads(1, (context, [key]) => valueOf(context, key!))),
  MGET: reads(1, ({ database }, keys) =>
    keys.map((key) => (database.typeOf(key) === 'string' ? database.get(key, 'string')! : null)),
  ),
  SET: grows(2, set),
  SETEX: grows(3, (context, [key, seconds, value]) => set(context, [key!, value!, 'EX', seconds!])),
  PSETEX: grows(3, (context, [key, ms, value]) => set(context, [key!, value!, 'PX', ms!])),
  SETNX: grows(2, (context, [key, value]) => (set(context, [key!, value!, 'NX']) === OK ? 1 : 0)),
  MSET: grows(2, (context, args) => {
    for (let i = 0; i < args.length; i += 2) set(context, [args[i]!, args[i + 1]!])
    return OK
  }),
  GETDEL: exactly(
    changes(1, (context, [key]) => {
      const value = valueOf(context, key!)
      if (context.database.delete(key!)) context.changed(key!)
      return value
    }),
  ),
  APPEND: exactly(
    grows(2, (context, [key, more]) => {
      const value = (valueOf(context, key!) ?? '') + more!
      context.database.set(key!, 'string', value, context.database.expiresAt(key!))
      context.changed(key!)
      return value.length
    }),
  ),
  STRLEN: exactly(reads(1, (context, [key]) => valueOf(context, key!)?.length ?? 0)),
  GETRANGE: reads(3, (context, [key, from, to]) => {
    const value = valueOf(context, key!) ?? ''
    const end = integer(to)
    return value.slice(integer(from), end === -1 ? undefined : end + 1)
  }),
  INCR: exactly(grows(1, (context, [key]) => increment(context, key!, 1))),
  DECR: exactly(grows(1, (context, [key]) => increment(context, key!, -1))),
  INCRBY: exactly(grows(2, (context, [key, by]) => increment(context, key!, integer(by)))),
  DECRBY: exactly(grows(2, (context, [key, by]) => increment(context, key!, -integer(by)))),
}
