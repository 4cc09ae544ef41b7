// What the packages import from modules of Node.js. The bundler takes this file for all of them.
import { Buffer } from 'buffer'
import { sha1 } from '@noble/hashes/legacy.js'
import { setImmediate as inLaterTurn } from './immediate.js'

/** From `node:buffer`. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** From `node:crypto`. The names of scripts are SHA-1 digests. */
export function createHash(algorithm: string) {
  if (algorithm !== 'sha1') throw new Error(`There is no ${algorithm} in this example.`)
  const hash = sha1.create()
  return {
    update(data: string | Uint8Array, encoding?: 'latin1') {
      hash.update(typeof data === 'string' ? Buffer.from(data, encoding) : data)
      return this
    },
    digest: (encoding: 'hex') => Buffer.from(hash.digest()).toString(encoding),
  }
}

/** From `node:crypto`. */
export function randomBytes(size: number) {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(size)))
  const asBase64Url = () =>
    bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return {
    toString: (encoding: string) =>
      encoding === 'base64url' ? asBase64Url() : bytes.toString(encoding as 'hex'),
  }
}

/** From `node:diagnostics_channel`. Without subscribers, the packages publish nothing. */
export function channel(name: string) {
  return { name, hasSubscribers: false, publish() {}, subscribe() {}, unsubscribe: () => false }
}

/** From `node:timers/promises`. */
export function setImmediate(): Promise<void> {
  return new Promise((resolve) => inLaterTurn(resolve))
}

/** From `node:timers/promises`. */
export function setTimeout<T>(
  ms: number,
  value?: T,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal!.reason as Error)
    }
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve(value)
    }, ms)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}

/** From `node:util`. The default codec asks it about values that are no plain objects. */
export const types = {
  isArrayBuffer: (value: unknown) => tagOf(value) === 'ArrayBuffer',
  isDate: (value: unknown) => tagOf(value) === 'Date',
  isMap: (value: unknown) => tagOf(value) === 'Map',
  isNativeError: (value: unknown) => tagOf(value) === 'Error',
  isRegExp: (value: unknown) => tagOf(value) === 'RegExp',
  isSet: (value: unknown) => tagOf(value) === 'Set',
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}

// The rest belongs to drivers of clients, codecs and HTTP, and is not called here.
const missing = () => {
  throw new Error('This function of Node.js is missing in the browser.')
}
export {
  missing as BlockList,
  missing as createCipheriv,
  missing as createDecipheriv,
  missing as createHmac,
  missing as createRequire,
  missing as isIPv4,
  missing as isIPv6,
  missing as setMaxListeners,
  missing as timingSafeEqual,
}
