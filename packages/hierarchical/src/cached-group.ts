import { CodecError, json, type Codec, type CodecContext, type Schema } from '@cache/core'

/** What is cached of a group: its items; or, of a large one, the name of the hash that has them. */
export interface Shelf<Item> {
  readonly items: readonly Item[] | undefined
  readonly generation: string | undefined
  /** The stamp of its load's begin, where groups of the level below may be taken out of it. */
  readonly since?: number
  /** What it was encoded to, where it was. */
  readonly payload?: string | Buffer
}

/**
 * A list of items is stored as their codec stores lists; JSON text by default, which others read. A
 * codec that authenticates does so with what is stored beside the list as well.
 */
export function shelfCodec<Item>(codec: Codec<readonly Item[]> = json): Codec<Shelf<Item>> {
  return {
    name: codec.name,
    prepare: codec.prepare,
    seal: codec.seal,
    open: codec.open,
    encode({ items, generation, since, payload }, context) {
      if (generation !== undefined) {
        const named = Buffer.from(`${since ?? ''} ${generation}`)
        return Buffer.concat([
          Buffer.from([MARK, LARGE]),
          codec.seal ? codec.seal(named, context) : named,
        ])
      }
      if (payload !== undefined) return payload
      if (since !== undefined) {
        const date = Buffer.concat([Buffer.from([MARK, DATED]), Buffer.from(`${since} `)])
        return Buffer.concat([
          date,
          Buffer.from(codec.encode(items!, withData(context, date)) as string),
        ])
      }
      const list = codec.encode(items!, context)
      return startsWithMark(list)
        ? Buffer.concat([Buffer.from([MARK, LIST]), Buffer.from(list as string)])
        : list
    },
    decode(payload, context) {
      const kind = payload[0] === MARK ? payload[1] : undefined
      if (kind === LARGE) {
        const [date = '', generation = ''] = (
          codec.open ? codec.open(payload.subarray(2), context) : payload.subarray(2)
        )
          .toString()
          .split(' ')
        return { items: undefined, generation, ...sinceOf(date) }
      }
      const end = kind === DATED ? payload.indexOf(' ') + 1 : kind === undefined ? 0 : 2
      const items: unknown = codec.decode(
        payload.subarray(end),
        kind === DATED ? withData(context, payload.subarray(0, end)) : context,
      )
      if (!Array.isArray(items))
        throw new CodecError(`The entry "${context.key}" is no list of items.`, {
          key: context.key,
        })
      return {
        items: items as readonly Item[],
        generation: undefined,
        ...(kind === DATED && sinceOf(payload.subarray(2, end - 1).toString())),
      }
    },
  }
}

function withData(context: CodecContext, more: Buffer): CodecContext {
  return { ...context, associatedData: Buffer.concat([context.associatedData ?? NOTHING, more]) }
}

function sinceOf(date: string): { readonly since?: number } {
  const since = Number(date)
  return Number.isSafeInteger(since) && since > 0 ? { since } : {}
}

/** A list fits if each of its items does. */
export function shelfSchema<Item>(schema: Schema<Item>): Schema<Shelf<Item>> {
  return {
    '~standard': {
      version: 1,
      vendor: '@cache/hierarchical',
      validate(value) {
        const { items, ...rest } = value as Shelf<unknown>
        const results = items?.map((item) => schema['~standard'].validate(item)) ?? []
        const checked = (all: readonly Result<Item>[]): Result<Shelf<Item>> => {
          const issues = all.flatMap((result) => result.issues ?? [])
          if (issues.length > 0) return { issues }
          return {
            value: {
              items: items && all.map((result) => (result as { readonly value: Item }).value),
              ...rest,
            },
          }
        }
        // At once if it can be: what waits for no promise is found near.
        if (!results.some((result) => 'then' in result))
          return checked(results as readonly Result<Item>[])
        return Promise.all(results.map(async (result) => result)).then(checked)
      },
    },
  }
}

type Result<T> = Awaited<ReturnType<Schema<T>['~standard']['validate']>>

/** Begins what is no plain list; a list that begins so too is put behind a mark of its own. */
const MARK = 2
const LARGE = 1
const LIST = 0
const DATED = 3
const NOTHING = Buffer.alloc(0)

function startsWithMark(payload: string | Buffer): boolean {
  return (typeof payload === 'string' ? payload.charCodeAt(0) : payload[0]) === MARK
}
