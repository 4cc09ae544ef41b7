import { CodecError, json, type Codec, type Schema } from '@cache/core'

/** What is cached of a group: its items; or, of a large one, the name of the hash that has them. */
export interface Shelf<Item> {
  readonly items: readonly Item[] | undefined
  readonly generation: string | undefined
  /** The stamp of its load's begin, where groups of the level below may be taken out of it. */
  readonly since?: number
  /** What it was encoded to, where it was. */
  readonly payload?: string | Buffer
}

/** A list of items is stored as their codec stores lists; JSON text by default, which others read. */
export function shelfCodec<Item>(codec: Codec<readonly Item[]> = json): Codec<Shelf<Item>> {
  return {
    name: codec.name,
    prepare: codec.prepare,
    encode({ items, generation, since, payload }, context) {
      if (generation !== undefined) return Buffer.from([MARK, LARGE, ...Buffer.from(`${since ?? ''} ${generation}`)])
      if (payload !== undefined) return payload
      const list = codec.encode(items!, context)
      if (since !== undefined) return Buffer.concat([Buffer.from([MARK, DATED]), Buffer.from(`${since} `), Buffer.from(list as string)])
      return startsWithMark(list) ? Buffer.concat([Buffer.from([MARK, LIST]), Buffer.from(list as string)]) : list
    },
    decode(payload, context) {
      const marked = payload[0] === MARK
      const dated = marked && payload[1] !== LIST
      const space = dated ? payload.indexOf(' ') : 1
      const stamp = dated ? Number(payload.subarray(2, space).toString()) : 0
      const since = stamp > 0 ? { since: stamp } : undefined
      if (marked && payload[1] === LARGE) return { items: undefined, generation: payload.subarray(space + 1).toString(), ...since }
      const items: unknown = codec.decode(marked ? payload.subarray(space + 1) : payload, context)
      if (!Array.isArray(items)) throw new CodecError(`The entry "${context.key}" is no list of items.`, { key: context.key })
      return { items: items as readonly Item[], generation: undefined, ...since }
    },
  }
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
          return { value: { items: items && all.map((result) => (result as { readonly value: Item }).value), ...rest } }
        }
        // At once if it can be: what waits for no promise is found near.
        if (!results.some((result) => 'then' in result)) return checked(results as readonly Result<Item>[])
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

function startsWithMark(payload: string | Buffer): boolean {
  return (typeof payload === 'string' ? payload.charCodeAt(0) : payload[0]) === MARK
}
