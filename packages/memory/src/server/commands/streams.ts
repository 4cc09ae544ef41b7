import { OptionReader, integer } from '../arguments.js'
import { OK, RedisError, syntaxError, type ServerReply } from '../reply.js'
import {
  HIGHEST,
  LOWEST,
  Stream,
  compareIds,
  formatId,
  parseId,
  type StreamEntry,
  type StreamId,
} from '../stream.js'
import { changes, grows, reads, type Commands, type Context } from './command.js'

const MAX_SEQUENCE = 2n ** 64n - 1n

function add(context: Context, args: readonly string[]): ServerReply {
  const key = args[0]!
  const options = new OptionReader(args, 1)
  let [creates, most]: [boolean, number | undefined] = [true, undefined]
  for (;;) {
    if (options.takeIf('NOMKSTREAM')) creates = false
    else if (options.takeIf('MAXLEN')) {
      if (!options.takeIf('~')) options.takeIf('=')
      most = integer(options.take())
    } else break
  }
  const id = options.take()
  const fields = args.slice(options.position)
  if (fields.length === 0 || fields.length % 2 !== 0)
    throw new RedisError("ERR wrong number of arguments for 'xadd' command")
  if (id !== '*' && !/^\d{1,20}-\*$/.test(id) && compareIds(parseId(id, 0n), LOWEST) === 0)
    throw new RedisError('ERR The ID specified in XADD must be greater than 0-0')
  const found = context.database.get(key, 'stream')
  if (found === undefined && !creates) return null
  const stream = found ?? new Stream()
  const added = stream.append(id, fields, context.now())
  if (found === undefined) context.database.set(key, 'stream', stream)
  if (most !== undefined) stream.trim(most)
  context.changed(key)
  return formatId(added)
}

function bound(
  text: string,
  end: 'start' | 'end',
): { readonly id: StreamId; readonly isOpen: boolean } {
  if (text === '-') return { id: LOWEST, isOpen: false }
  if (text === '+') return { id: HIGHEST, isOpen: false }
  const isOpen = text.startsWith('(')
  return { id: parseId(isOpen ? text.slice(1) : text, end === 'start' ? 0n : MAX_SEQUENCE), isOpen }
}

function written(entries: readonly StreamEntry[]): ServerReply {
  return entries.map(({ id, fields }) => [formatId(id), [...fields]])
}

function range(
  { database }: Context,
  key: string,
  low: string,
  high: string,
  rest: readonly string[],
  isReversed: boolean,
): ServerReply {
  const [from, to] = [bound(low, 'start'), bound(high, 'end')]
  const found = (database.get(key, 'stream')?.range(from.id, to.id) ?? []).filter(
    ({ id }) =>
      !(from.isOpen && compareIds(id, from.id) === 0) &&
      !(to.isOpen && compareIds(id, to.id) === 0),
  )
  if (isReversed) found.reverse()
  return written(rest[0]?.toUpperCase() === 'COUNT' ? found.slice(0, integer(rest[1])) : found)
}

function read({ database }: Context, args: readonly string[]): ServerReply {
  const options = new OptionReader(args, 0)
  let count = Infinity
  while (!options.takeIf('STREAMS')) {
    if (options.takeIf('COUNT')) count = integer(options.take())
    else if (options.takeIf('BLOCK')) options.take()
    else throw syntaxError()
  }
  const rest = args.slice(options.position)
  const keys = rest.slice(0, rest.length / 2)
  const replies = keys.flatMap((key, i): ServerReply[] => {
    const stream = database.get(key, 'stream')
    const after = rest[keys.length + i]!
    if (stream === undefined || after === '$') return []
    const from = parseId(after, 0n)
    const found = stream.entries.filter(({ id }) => compareIds(id, from) > 0).slice(0, count)
    return found.length > 0 ? [[key, written(found)]] : []
  })
  return replies.length > 0 ? replies : null
}

export const streamCommands: Commands = {
  XADD: grows(4, add),
  XLEN: reads(1, ({ database }, [key]) => database.get(key!, 'stream')?.length ?? 0),
  XRANGE: reads(3, (context, [key, from, to, ...rest]) =>
    range(context, key!, from!, to!, rest, false),
  ),
  XREVRANGE: reads(3, (context, [key, to, from, ...rest]) =>
    range(context, key!, from!, to!, rest, true),
  ),
  XREAD: reads(3, read),
  XDEL: changes(2, (context, [key, ...ids]) => {
    const deleted =
      context.database.get(key!, 'stream')?.delete(ids.map((id) => parseId(id, 0n))) ?? 0
    if (deleted > 0) context.changed(key!)
    return deleted
  }),
  XTRIM: changes(3, (context, args) => {
    const options = new OptionReader(args, 1)
    if (!options.takeIf('MAXLEN')) throw syntaxError()
    if (!options.takeIf('~')) options.takeIf('=')
    return context.database.get(args[0]!, 'stream')?.trim(integer(options.take())) ?? 0
  }),
  XSETID: changes(2, ({ database }, [key, id]) => {
    const stream = database.get(key!, 'stream')
    if (stream === undefined) throw new RedisError('ERR no such key')
    const last = parseId(id!, 0n)
    const top = stream.entries.at(-1)
    if (top && compareIds(last, top.id) < 0)
      throw new RedisError(
        'ERR The ID specified in XSETID is smaller than the target stream top item',
      )
    stream.last = last
    return OK
  }),
  XINFO: reads(2, ({ database }, [what, key]) => {
    if (what!.toUpperCase() !== 'STREAM') throw syntaxError()
    const stream = database.get(key!, 'stream')
    if (stream === undefined) throw new RedisError('ERR no such key')
    return [
      'length',
      stream.length,
      'last-generated-id',
      formatId(stream.last),
      'entries-added',
      stream.added,
      'groups',
      0,
    ]
  }),
}
