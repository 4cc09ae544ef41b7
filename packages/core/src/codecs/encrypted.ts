import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { checkCodec, type Codec } from '../codec.js'
import { CodecError, InvalidOptionError } from '../errors.js'
import { checkOptions } from '../options.js'

export interface EncryptedOptions {
  /** 32 bytes each, as a Buffer, in base64 or in hex, by an id of at most 255 bytes that is stored with what it encrypts. */
  readonly keys: Readonly<Record<string, Buffer | string>>
  /** The id of the key that encrypts from now on; the others only decrypt. Default: the only one. */
  readonly current?: string
}

/*
 * An encrypted payload:  03 | length of the key's id | id | nonce, 12 bytes | ciphertext | tag, 16 bytes.
 * The header and the Redis key are authenticated with it.
 */
const HEADER = 0x03
const NONCE = 12
const TAG = 16

/**
 * A codec whose payloads are encrypted with AES-256-GCM. A payload that was changed, that lies under another Redis key than the one it
 * was written for, or whose key is not known, can't be decoded: a miss. To rotate, add a key, make it `current`, and take the old one
 * away when its entries have expired. The Redis keys themselves, and what travels in the frame (version, compute time), are not secret.
 *
 * Source: NIST SP 800-38D, with random 96-bit nonces: change the key before 2^32 values were written with it.
 *
 * @throws {InvalidOptionError} naming the option, never showing a key.
 * @example createAside<User>({ client, prefix: 'user', ttl: '1h', codec: encrypted(json, { keys: { '2026': process.env.CACHE_KEY! } }) })
 */
export function encrypted<T>(codec: Codec<T>, options: EncryptedOptions): Codec<T> {
  const inner = checkCodec<T>('codec', codec)
  const keys = keysOf(options)
  const current = currentOf(options, keys)

  return {
    name: `encrypted ${inner.name}`,
    prepare: inner.prepare,

    encode(value, context) {
      const payload = inner.encode(value, context)
      const id = Buffer.from(current)
      const nonce = randomBytes(NONCE)
      const header = Buffer.concat([Buffer.from([HEADER, id.length]), id, nonce])
      const cipher = createCipheriv('aes-256-gcm', keys.get(current)!, nonce).setAAD(Buffer.concat([header, Buffer.from(context.key)]))
      return Buffer.concat([header, cipher.update(typeof payload === 'string' ? Buffer.from(payload) : payload), cipher.final(), cipher.getAuthTag()])
    },

    decode(payload, context) {
      const length = 2 + (payload[1] ?? 0) + NONCE
      if (payload[0] !== HEADER || payload.length < length + TAG) throw new CodecError(`The entry "${context.key}" is not encrypted.`, { key: context.key })
      const header = payload.subarray(0, length)
      const id = header.subarray(2, length - NONCE).toString()
      const key = keys.get(id)
      if (!key) throw new CodecError(`The entry "${context.key}" is encrypted with a key that is not among "keys".`, { key: context.key })
      const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(length - NONCE), { authTagLength: TAG })
      decipher.setAAD(Buffer.concat([header, Buffer.from(context.key)])).setAuthTag(payload.subarray(payload.length - TAG))
      return inner.decode(Buffer.concat([decipher.update(payload.subarray(length, payload.length - TAG)), decipher.final()]), context)
    },
  }
}

function keysOf(options: EncryptedOptions): Map<string, Buffer> {
  const check = checkOptions('encrypted', options, ['keys', 'current'])
  const given = options.keys as unknown
  if (typeof given !== 'object' || given === null || Object.keys(given).length === 0) check.fail('keys', 'an object from ids to keys of 32 bytes')
  return new Map(Object.entries(options.keys).map(([id, secret], i) => [checkId(id), bytesOf(optionOf(id, i), secret)]))
}

function currentOf({ current }: EncryptedOptions, keys: Map<string, Buffer>): string {
  if (current === undefined && keys.size === 1) return [...keys.keys()][0]!
  if (typeof current !== 'string' || !keys.has(current)) throw new InvalidOptionError('current', 'the id of one of the keys', current)
  return current
}

function checkId(id: string): string {
  if (id === '' || Buffer.byteLength(id) > 255) throw new InvalidOptionError('keys', 'keys by ids of 1 to 255 bytes')
  return id
}

/** Where a key and its id are swapped, the id is the secret: a long one is not shown. */
function optionOf(id: string, index: number): string {
  return id.length <= 8 ? `keys.${id}` : `keys[${index}]`
}

function bytesOf(option: string, secret: unknown): Buffer {
  const bytes = Buffer.isBuffer(secret) ? secret : typeof secret === 'string' ? Buffer.from(secret, /^[0-9a-f]{64}$/i.test(secret) ? 'hex' : 'base64') : undefined
  if (bytes?.length !== 32) throw new InvalidOptionError(option, 'a key of 32 bytes, a Buffer, base64 or hex, by its id: { id: key }', bytes === undefined ? secret : bytes)
  return Buffer.from(bytes)
}
