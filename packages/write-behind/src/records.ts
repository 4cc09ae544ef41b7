import { CodecError, Undecodable, json, type Decoded, type Format } from '@cache/core'

/** As Redis answers with it. */
export type StreamEntry = readonly [place: Buffer, fields: readonly Buffer[]]

/** A write as it waits in the stream. */
export interface QueuedWrite<T, Id> extends Head {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  readonly value: T | null
  readonly patch: unknown
}

/** How an id is kept in the stream, as the name of the value's field: `n:42` for a number, `s:42` for a string. */
export function typed(id: string | number): string {
  return `${typeof id === 'number' ? 'n' : 's'}:${id}`
}

/** What is kept in the stream beside a write's id and value, where it is not what it usually is: names and values. */
export function fieldsOf({ kind, patch, key }: { readonly kind: 'write' | 'delete'; readonly patch: unknown; readonly key: string }): (string | Buffer)[] {
  return [
    ...(kind === 'delete' ? ['kind', kind] : []),
    ...(patch === undefined ? [] : ['patch', json.encode(patch, { key, maxValueBytes: Infinity })]),
  ]
}

/** What a write is, as far as it can be told without its value. */
export interface Head {
  /** Its place in the stream. */
  readonly place: string
  /** The id as text. */
  readonly field: string
  readonly sequence: number
}

export interface Stored extends Head {
  readonly isNumber: boolean
  readonly stored: Buffer
  readonly more: More
}

export function headOf([at, fields]: StreamEntry): Stored {
  const place = at.toString('latin1')
  const id = fields[0]!.toString()
  const more = fields.length > 2 ? named(fields) : NOTHING
  const sequence = more.sequence === undefined ? Number(place.slice(0, place.indexOf('-'))) : Number(more.sequence)
  return { place, field: id.slice(2), sequence, isNumber: id.startsWith('n'), stored: fields[1]!, more }
}

/** Not async: a schema that answers at once costs no promise. @throws {CodecError} for a write that can't be read, of another codec. */
export function recordOf<T, Id>(head: Stored, format: Format<T>): QueuedWrite<T, Id> | Promise<QueuedWrite<T, Id>> {
  const decoded = format.decode(head.field, head.stored)
  return decoded instanceof Promise ? decoded.then((late) => written<T, Id>(head, late)) : written(head, decoded)
}

function written<T, Id>({ place, field, sequence, isNumber, more: { kind, patch } }: Stored, decoded: Decoded<T> | Undecodable): QueuedWrite<T, Id> {
  if (decoded instanceof Undecodable) throw new CodecError(`The write ${place} of ${field} can't be read: ${decoded.error.message}`, { cause: decoded.error })
  return {
    place, field, sequence,
    id: (isNumber ? Number(field) : field) as Id,
    kind: kind === undefined ? 'write' : 'delete',
    value: decoded.absent ? null : decoded.value,
    patch: patch === undefined ? undefined : json.decode(patch, { key: field, maxValueBytes: Infinity }),
  }
}

/** What else is kept, by name. */
type More = Readonly<Record<string, Buffer | undefined>>

const NOTHING: More = Object.freeze(Object.create(null))

function named(fields: readonly Buffer[]): More {
  const byName: Record<string, Buffer> = Object.create(null)
  for (let i = 2; i < fields.length; i += 2) byName[fields[i]!.toString('latin1')] = fields[i + 1]!
  return byName
}
