import { CodecError, Undecodable, json, type Format } from '@cache/core'
import type { StreamEntry } from './scripts.js'

/** A write as it waits in the stream. */
export interface QueuedWrite<T, Id> extends Head {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  readonly value: T | null
  readonly patch: unknown
}

export function encodePatch(key: string, patch: unknown): string | Buffer {
  return json.encode(patch, { key, maxValueBytes: Infinity })
}

/** What a write is, as far as it can be told without its value. */
export interface Head {
  /** Its place in the stream. */
  readonly place: string
  /** The id as text. */
  readonly field: string
  readonly sequence: number
}

export function headOf(entry: StreamEntry): Head {
  const place = entry[0].toString()
  const fields = fieldsOf(entry)
  return { place, field: String(fields.get('id')), sequence: Number(fields.get('sequence') ?? place.slice(0, place.indexOf('-'))) }
}

/** @throws {CodecError} for a write that can't be read, of another codec. */
export async function recordOf<T, Id>(entry: StreamEntry, format: Format<T>): Promise<QueuedWrite<T, Id>> {
  const head = headOf(entry)
  const { field, place } = head
  const fields = fieldsOf(entry)
  const decoded = await format.decode(field, fields.get('value')!)
  if (decoded instanceof Undecodable) throw new CodecError(`The write ${place} of ${field} can't be read: ${decoded.error.message}`, { cause: decoded.error })
  const patch = fields.get('patch')!
  return {
    ...head,
    id: (String(fields.get('type')) === 'number' ? Number(field) : field) as Id,
    kind: String(fields.get('kind')) as 'write' | 'delete',
    value: decoded.absent ? null : decoded.value,
    patch: patch.length === 0 ? undefined : json.decode(patch, { key: field, maxValueBytes: Infinity }),
  }
}

export function fieldsOf([, fields]: StreamEntry): Map<string, Buffer> {
  const map = new Map<string, Buffer>()
  for (let i = 0; i < fields.length; i += 2) map.set(fields[i]!.toString(), fields[i + 1]!)
  return map
}
