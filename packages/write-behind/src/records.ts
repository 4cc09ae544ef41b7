import { CodecError, type Codec } from '@cache/core'
import {
  Undecodable,
  checkCodec,
  createFormat,
  type Decoded,
  type Format,
  type FormatOptions,
} from '@cache/core/internal'
import type { Partition } from './partitions.js'

/** An entry of the stream, as Redis answers with it. */
export type StreamEntry = readonly [position: Buffer, fields: readonly Buffer[]]

/** What is known of a queued write without reading its value. */
export interface Head {
  /** Its position in the stream. */
  readonly position: string
  /** The id as text. */
  readonly field: string
  readonly sequence: number
  /** It was a dead letter. */
  readonly replayed: boolean
}

/** A write as it waits in the stream. */
export interface QueuedWrite<T, Id> extends Head {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  readonly value: T | null
  /** It was merged, and this is what `write` was given. */
  readonly isPatch: boolean
  readonly patch: unknown
}

/** A write whose value can't be read. */
export interface UnreadableWrite extends Head {
  readonly error: CodecError
}

export interface RecordOptions<T> extends FormatOptions<T> {
  readonly patchCodec?: Codec<any> | undefined
}

/**
 * How writes are stored: the one place where they are encoded and decoded. Values have the key of
 * their entry as their context, as in the cache; patches have it with `:patch` behind it, so that a
 * codec that authenticates the key does not take one for the other.
 */
export class Records<T> {
  readonly #value: Format<T>
  readonly #patch: Format<unknown>

  constructor({ codec, schema, maxValueBytes, patchCodec }: RecordOptions<T>) {
    this.#value = createFormat<T>({ codec, schema, maxValueBytes })
    const ofPatches = patchCodec === undefined ? codec : checkCodec('patchCodec', patchCodec)
    this.#patch = createFormat<unknown>({
      codec: ofPatches as Codec<unknown> | undefined,
      maxValueBytes,
    })
  }

  /** With room for the version, which the script of the write fills in. */
  encode(key: string, value: T | null): string | Buffer {
    return this.#value.encode(key, value, { version: 0, versionByScript: true })
  }

  encodePatch(key: string, patch: unknown): string | Buffer {
    return this.#patch.encode(patchKey(key), patch)
  }

  /** Not async: a schema that answers at once costs no promise. */
  decode<Id>(
    partition: Partition,
    stored: StoredWrite,
  ): MaybeLater<QueuedWrite<T, Id> | UnreadableWrite> {
    const key = partition.entry(stored.field)
    const value = this.#value.decode(key, stored.value)
    const patch =
      stored.patch === undefined ? undefined : this.#patch.decode(patchKey(key), stored.patch)
    if (value instanceof Promise || patch instanceof Promise)
      return Promise.all([value, patch]).then(([v, p]) => written<T, Id>(stored, v, p))
    return written<T, Id>(stored, value, patch)
  }
}

type MaybeLater<R> = R | Promise<R>

/** A write as it is stored. */
export interface StoredWrite extends Head {
  readonly isNumber: boolean
  readonly kind: 'write' | 'delete'
  readonly value: Buffer
  readonly patch: Buffer | undefined
  /** What else is stored with it, by name: of a dead letter, how it became one. */
  readonly more: Readonly<Record<string, Buffer | undefined>>
}

/** `undefined` for what is none: no pattern has put it there. */
export function storedWrite(
  partition: Partition,
  [at, fields]: StreamEntry,
): StoredWrite | undefined {
  const position = at.toString('latin1')
  const id = fields[0]!.toString()
  const more = fields.length > 2 ? named(fields) : NOTHING
  const field = id.slice(2)
  const sequence =
    more.sequence === undefined
      ? Number(position.slice(0, position.indexOf('-')))
      : Number(more.sequence)
  if (
    !/^[ns]:./s.test(id) ||
    (id.startsWith('n') && String(Number(field)) !== field) ||
    !Number.isSafeInteger(sequence) ||
    sequence < 0 ||
    !isId(partition, field)
  )
    return undefined
  return {
    position,
    field,
    isNumber: id.startsWith('n'),
    sequence,
    replayed: more.sequence !== undefined,
    kind: more.kind === undefined ? 'write' : 'delete',
    value: fields[1]!,
    patch: more.patch,
    more,
  }
}

function isId(partition: Partition, field: string): boolean {
  try {
    partition.entry(field)
    return true
  } catch {
    return false
  }
}

/**
 * How an id is kept in the stream, as the name of the value's field: `n:42` for a number, `s:42`
 * for a string.
 */
export function typed(id: string | number): string {
  return `${typeof id === 'number' ? 'n' : 's'}:${id}`
}

function written<T, Id>(
  stored: StoredWrite,
  value: Decoded<T> | Undecodable,
  patch: Decoded<unknown> | Undecodable | undefined,
): QueuedWrite<T, Id> | UnreadableWrite {
  const { position, field, sequence, replayed, isNumber, kind } = stored
  const head = { position, field, sequence, replayed }
  for (const part of [value, patch]) {
    if (part instanceof Undecodable)
      return {
        ...head,
        error: new CodecError(
          `The write ${sequence} of "${field}" can't be read: ${part.error.message}`,
          { cause: part.error },
        ),
      }
  }
  const { absent, value: whole } = value as Decoded<T>
  return {
    ...head,
    kind,
    id: (isNumber ? Number(field) : field) as Id,
    value: absent ? null : whole,
    isPatch: patch !== undefined,
    patch: (patch as Decoded<unknown> | undefined)?.value,
  }
}

const patchKey = (key: string): string => `${key}:patch`

const NOTHING: StoredWrite['more'] = Object.freeze(Object.create(null))

function named(fields: readonly Buffer[]): StoredWrite['more'] {
  const byName: Record<string, Buffer> = Object.create(null)
  for (let i = 2; i < fields.length; i += 2) byName[fields[i]!.toString('latin1')] = fields[i + 1]!
  return byName
}
