import { CodecError, Undecodable, json, type Decoded, type Format } from '@cache/core'
import type { StreamEntry } from './scripts.js'

/** A write as it waits in the stream. */
export interface QueuedWrite<T, Id> extends Head {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  readonly value: T | null
  readonly patch: unknown
}

/** What is kept in the stream beside a write's id and value, where it is not what it usually is: names and values. */
export function fieldsOf({ id, kind, patch, key }: { readonly id: string | number; readonly kind: 'write' | 'delete'; readonly patch: unknown; readonly key: string }): (string | Buffer)[] {
  return [
    ...(typeof id === 'number' ? ['type', 'number'] : []),
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

export function headOf(entry: StreamEntry): Head & { readonly fields: Fields } {
  const place = entry[0].toString()
  const fields = named(entry)
  const sequence = fields.sequence === undefined ? Number(place.slice(0, place.indexOf('-'))) : Number(fields.sequence)
  return { place, field: String(fields.id), sequence, fields }
}

/** Not async: a schema that answers at once costs no promise. @throws {CodecError} for a write that can't be read, of another codec. */
export function recordOf<T, Id>({ fields, ...head }: ReturnType<typeof headOf>, format: Format<T>): QueuedWrite<T, Id> | Promise<QueuedWrite<T, Id>> {
  const decoded = format.decode(head.field, fields.value!)
  return decoded instanceof Promise ? decoded.then((late) => written<T, Id>(head, fields, late)) : written(head, fields, decoded)
}

function written<T, Id>(head: Head, { type, kind, patch }: Fields, decoded: Decoded<T> | Undecodable): QueuedWrite<T, Id> {
  const { place, field, sequence } = head
  if (decoded instanceof Undecodable) throw new CodecError(`The write ${place} of ${field} can't be read: ${decoded.error.message}`, { cause: decoded.error })
  return {
    place, field, sequence,
    id: (String(type) === 'number' ? Number(field) : field) as Id,
    kind: kind === undefined ? 'write' : 'delete',
    value: decoded.absent ? null : decoded.value,
    patch: patch === undefined ? undefined : json.decode(patch, { key: field, maxValueBytes: Infinity }),
  }
}

/** By name. */
type Fields = Readonly<Record<string, Buffer | undefined>>

function named([, fields]: StreamEntry): Fields {
  const byName: Record<string, Buffer> = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) byName[fields[i]!.toString('latin1')] = fields[i + 1]!
  return byName
}
