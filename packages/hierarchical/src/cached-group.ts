import { CodecError, json, type Codec, type CodecContext, type Schema } from '@cache/core'

/**
 * The cached form of a group: its items, or the generation of the hash that has the items of a
 * large group.
 */
export interface CachedGroup<Item> {
  readonly items: readonly Item[] | undefined
  readonly generation: string | undefined
  /** The stamp at which its load began, if groups of the level below may be taken out of it. */
  readonly loadStamp?: number
  /** The encoded group, if it has been encoded already. */
  readonly payload?: string | Buffer
}

/**
 * Returns the codec of cached groups. A list of items is stored as their codec stores lists: by
 * default as JSON text that other programs can read. A codec that authenticates its payloads also
 * authenticates the data that is stored beside the list.
 */
export function cachedGroupCodec<Item>(
  codec: Codec<readonly Item[]> = json,
): Codec<CachedGroup<Item>> {
  return {
    name: codec.name,
    prepare: codec.prepare,
    seal: codec.seal,
    open: codec.open,
    encode({ items, generation, loadStamp, payload }, context) {
      if (generation !== undefined) {
        const reference = Buffer.from(`${loadStamp ?? ''} ${generation}`)
        return Buffer.concat([
          Buffer.from([MARKER, LARGE]),
          codec.seal ? codec.seal(reference, context) : reference,
        ])
      }
      if (payload !== undefined) return payload
      if (loadStamp !== undefined) {
        const header = Buffer.concat([Buffer.from([MARKER, STAMPED]), Buffer.from(`${loadStamp} `)])
        return Buffer.concat([
          header,
          Buffer.from(codec.encode(items!, withData(context, header)) as string),
        ])
      }
      const list = codec.encode(items!, context)
      return startsWithMarker(list)
        ? Buffer.concat([Buffer.from([MARKER, LIST]), Buffer.from(list as string)])
        : list
    },
    decode(payload, context) {
      const kind = payload[0] === MARKER ? payload[1] : undefined
      if (kind === LARGE) {
        const [stamp = '', generation = ''] = (
          codec.open ? codec.open(payload.subarray(2), context) : payload.subarray(2)
        )
          .toString()
          .split(' ')
        return { items: undefined, generation, ...parseLoadStamp(stamp) }
      }
      const end = kind === STAMPED ? payload.indexOf(' ') + 1 : kind === undefined ? 0 : 2
      const items: unknown = codec.decode(
        payload.subarray(end),
        kind === STAMPED ? withData(context, payload.subarray(0, end)) : context,
      )
      if (!Array.isArray(items))
        throw new CodecError(`The entry "${context.key}" is no list of items.`, {
          key: context.key,
        })
      return {
        items: items as readonly Item[],
        generation: undefined,
        ...(kind === STAMPED && parseLoadStamp(payload.subarray(2, end - 1).toString())),
      }
    },
  }
}

/** Adds data that the codec authenticates. */
function withData(context: CodecContext, data: Buffer): CodecContext {
  return { ...context, associatedData: Buffer.concat([context.associatedData ?? EMPTY, data]) }
}

function parseLoadStamp(text: string): { readonly loadStamp?: number } {
  const loadStamp = Number(text)
  return Number.isSafeInteger(loadStamp) && loadStamp > 0 ? { loadStamp } : {}
}

/** Returns the schema of cached groups: a list is valid if each of its items is. */
export function cachedGroupSchema<Item>(schema: Schema<Item>): Schema<CachedGroup<Item>> {
  return {
    '~standard': {
      version: 1,
      vendor: '@cache/hierarchical',
      validate(value) {
        const { items, ...rest } = value as CachedGroup<unknown>
        const results = items?.map((item) => schema['~standard'].validate(item)) ?? []
        const checked = (all: readonly Result<Item>[]): Result<CachedGroup<Item>> => {
          const issues = all.flatMap((result) => result.issues ?? [])
          if (issues.length > 0) return { issues }
          return {
            value: {
              items: items && all.map((result) => (result as { readonly value: Item }).value),
              ...rest,
            },
          }
        }
        // Without a promise if possible: then the near cache can answer at once.
        if (!results.some((result) => 'then' in result))
          return checked(results as readonly Result<Item>[])
        return Promise.all(results.map(async (result) => result)).then(checked)
      },
    },
  }
}

type Result<T> = Awaited<ReturnType<Schema<T>['~standard']['validate']>>

/**
 * The first byte of a payload that is not a plain list. A list whose encoding begins with this byte
 * is stored after a marker of its own.
 */
const MARKER = 2
const LARGE = 1
const LIST = 0
const STAMPED = 3
const EMPTY = Buffer.alloc(0)

function startsWithMarker(payload: string | Buffer): boolean {
  return (typeof payload === 'string' ? payload.charCodeAt(0) : payload[0]) === MARKER
}
