import { channels, emit } from '../client/telemetry.js'
import type { Entry } from './entry.js'
import { Undecodable, type Decoded, type Format } from './format.js'
import type { NearValue } from './near.js'

/**
 * Decodes a stored value, or reports on `cache:error` that it can't be decoded and returns
 * `undefined`. Not async, so that a synchronous schema costs no promise.
 */
export function decodeEntry<T>(
  key: string,
  stored: Buffer,
  life: number | undefined,
  format: Format<T>,
): Entry<T> | undefined | Promise<Entry<T> | undefined> {
  const decoded = format.decode(key, stored)
  return decoded instanceof Promise
    ? decoded.then((result) => toEntry(key, result, life))
    : toEntry(key, decoded, life)
}

/** Returns what a near cache would get from a read of this payload. */
export async function nearValueOf<T>(
  key: string,
  format: Format<T>,
  payload: string | Buffer,
  life: number,
): Promise<NearValue | undefined> {
  const bytes = Buffer.from(payload as string)
  const entry = await decodeEntry(key, bytes, life, format)
  return entry && { entry, format, life, bytes: bytes.length }
}

function toEntry<T>(
  key: string,
  decoded: Decoded<T> | Undecodable,
  life: number | undefined,
): Entry<T> | undefined {
  if (decoded instanceof Undecodable) {
    emit(channels.error, () => ({
      operation: 'decode',
      key,
      error: decoded.error,
      reason: decoded.reason,
    }))
    return undefined
  }
  return life === undefined ? decoded : { ...decoded, life }
}
