import { CodecError, type Codec } from '@cache/core'
import {
  Undecodable,
  checkCodec,
  createFormat,
  customOption,
  type Decoded,
  type Format,
  type FormatOptions,
  type PayloadForScript,
} from '@cache/core/internal'
import type { Partition } from './partitions.js'

/** An entry of a stream, as Redis replies with it. */
export type StreamEntry = readonly [position: Buffer, fields: readonly Buffer[]]

/** What can be read of a queued write without decoding its value. */
export interface WriteHead {
  /** Its position in the stream. */
  readonly position: string
  /** The id as text, which is its field in the hashes of the partition. */
  readonly field: string
  readonly sequence: number
  /** Whether it was a dead letter before. */
  readonly replayed: boolean
}

/** A write in the stream or among the dead letters, whose value is not decoded yet. */
export interface StoredWrite extends WriteHead {
  /** The key of its entry. */
  readonly key: string
  /** Whether the id is a number. */
  readonly isNumber: boolean
  readonly kind: 'write' | 'delete'
  readonly value: Buffer
  readonly patch: Buffer | undefined
  /** The other fields that are stored with it. A dead letter has its error and attempts here. */
  readonly metadata: Readonly<Record<string, Buffer | undefined>>
}

/** A decoded write. There is one for each write of a batch, and its class keeps them small. */
export class QueuedWrite<T, Id> implements WriteHead {
  readonly position: string
  readonly field: string
  readonly sequence: number
  readonly replayed: boolean
  readonly id: Id
  readonly kind: 'write' | 'delete'
  readonly value: T | null
  /** Whether the write was merged from a patch. */
  readonly isPatch: boolean
  readonly patch: unknown

  constructor(
    { position, field, sequence, replayed, isNumber, kind }: StoredWrite,
    { absent, value }: Decoded<T>,
    patch: Decoded<unknown> | undefined,
  ) {
    this.position = position
    this.field = field
    this.sequence = sequence
    this.replayed = replayed
    this.id = (isNumber ? Number(field) : field) as Id
    this.kind = kind
    this.value = absent ? null : value
    this.isPatch = patch !== undefined
    this.patch = patch?.value
  }
}

/** A write that cannot be decoded. */
export interface UnreadableWrite extends WriteHead {
  readonly error: CodecError
}

/** The option `patchCodec`. */
export const patchCodecOption = customOption((codec, path) =>
  codec === undefined ? undefined : checkCodec<any>(path, codec),
)

export interface WriteFormatOptions<T> extends FormatOptions<T> {
  readonly patchCodec?: Codec<any> | undefined
}

/**
 * Encodes and decodes writes. The context of a value is the key of its entry, as in the cache. The
 * context of a patch is that key followed by `:patch`, so that a codec that authenticates the key
 * does not accept one for the other.
 */
export class WriteFormat<T> {
  readonly #values: Format<T>
  readonly #patches: Format<unknown>

  constructor({ codec, schema, maxValueBytes, patchCodec }: WriteFormatOptions<T>) {
    this.#values = createFormat<T>({ codec, schema, maxValueBytes })
    const codecOfPatches = (patchCodec ?? codec) as Codec<unknown> | undefined
    this.#patches = createFormat<unknown>({ codec: codecOfPatches, maxValueBytes })
  }

  /** The script of the write makes the frame, because it knows the version. */
  encode(key: string, value: T | null): PayloadForScript {
    return this.#values.encodeForScript(key, value)
  }

  encodePatch(key: string, patch: unknown): string | Buffer {
    return this.#patches.encode(patchKey(key), patch)
  }

  /** Decodes a write. It is synchronous if the schema is, which saves a promise for each write. */
  decode<Id>(stored: StoredWrite): MaybePromise<QueuedWrite<T, Id> | UnreadableWrite> {
    const { key } = stored
    const value = this.#values.decode(key, stored.value)
    const patch =
      stored.patch === undefined ? undefined : this.#patches.decode(patchKey(key), stored.patch)
    if (value instanceof Promise || patch instanceof Promise)
      return Promise.all([value, patch]).then(([v, p]) => decodedWrite<T, Id>(stored, v, p))
    return decodedWrite<T, Id>(stored, value, patch)
  }
}

/** Parses a stream entry. Returns `undefined` if it is not a write of this package. */
export function parseWrite(
  partition: Partition,
  [rawPosition, fields]: StreamEntry,
): StoredWrite | undefined {
  const position = rawPosition.toString('latin1')
  const id = fields[0]!.toString()
  const field = id.slice(2)
  const isNumber = id.startsWith('n:')
  if (field === '' || !(isNumber ? String(Number(field)) === field : id.startsWith('s:')))
    return undefined
  const key = keyOf(partition, field)
  const metadata = fields.length > 2 ? metadataOf(fields) : NO_METADATA
  const replayed = metadata.sequence !== undefined
  const sequence = Number(replayed ? metadata.sequence : sequenceAt(position))
  if (key === undefined || !Number.isSafeInteger(sequence) || sequence < 0) return undefined
  return {
    position,
    field,
    sequence,
    replayed,
    key,
    isNumber,
    kind: metadata.kind === undefined ? 'write' : 'delete',
    value: fields[1]!,
    patch: metadata.patch,
    metadata,
  }
}

/** Returns an id as it is stored in the stream: `n:42` for a number, `s:42` for a string. */
export function encodeId(id: string | number): string {
  return `${typeof id === 'number' ? 'n' : 's'}:${id}`
}

type MaybePromise<R> = R | Promise<R>

/** Returns the key of the entry of an id, or `undefined` if no id is stored like that. */
function keyOf(partition: Partition, field: string): string | undefined {
  try {
    return partition.entry(field)
  } catch {
    return undefined
  }
}

function sequenceAt(position: string): string {
  return position.slice(0, position.indexOf('-'))
}

function decodedWrite<T, Id>(
  stored: StoredWrite,
  value: Decoded<T> | Undecodable,
  patch: Decoded<unknown> | Undecodable | undefined,
): QueuedWrite<T, Id> | UnreadableWrite {
  if (value instanceof Undecodable) return unreadable(stored, value)
  if (patch instanceof Undecodable) return unreadable(stored, patch)
  return new QueuedWrite<T, Id>(stored, value, patch)
}

function unreadable(
  { position, field, sequence, replayed }: StoredWrite,
  { error: cause }: Undecodable,
): UnreadableWrite {
  const error = new CodecError(
    `The write ${sequence} of "${field}" can't be read: ${cause.message}`,
    { cause },
  )
  return { position, field, sequence, replayed, error }
}

const patchKey = (key: string): string => `${key}:patch`

const NO_METADATA: StoredWrite['metadata'] = Object.freeze(Object.create(null))

/** Returns the fields after the value by their names. */
function metadataOf(fields: readonly Buffer[]): StoredWrite['metadata'] {
  const byName: Record<string, Buffer> = Object.create(null)
  for (let i = 2; i < fields.length; i += 2) byName[fields[i]!.toString('latin1')] = fields[i + 1]!
  return byName
}
