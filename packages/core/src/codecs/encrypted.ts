import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { checkCodec, type Codec, type CodecContext } from './codec.js'
import { CodecError, InvalidOptionError } from '../errors.js'
import { givenOption, readOptions, type OptionTable } from '../util/options.js'

export interface EncryptedOptions {
  /**
   * The keys, by id. Each key has 32 bytes and is a Buffer, base64 or hex. An id has at most 255
   * bytes and is stored with the values that its key encrypts.
   */
  readonly keys: Readonly<Record<string, Buffer | string>>
  /** The id of the key that encrypts. The other keys only decrypt. Default: the only key. */
  readonly current?: string
}

/*
 * An encrypted payload is: 04 | length of the id of the key | id | nonce, 12 bytes | ciphertext |
 * tag, 16 bytes. It begins with 05 instead of 04 if it holds sealed bytes instead of a value. The
 * header, the Redis key and the associated data of the context are authenticated with it.
 */
const VALUE = 0x04
const SEALED = 0x05
const NONCE = 12
const TAG = 16

/**
 * Wraps a codec and encrypts its payloads with AES-256-GCM.
 *
 * The Redis key and the contents of the frame are authenticated with the payload: whether there is
 * a value, its version, its compute time, and the versions of its groups. An entry cannot be
 * decoded if any of that was changed, if it is stored under another Redis key, or if its encryption
 * key is unknown. It is then a miss, which is reported and replaced.
 *
 * Anybody who can write to Redis can still restore an earlier entry of the same key, extend its
 * life, or delete it. The Redis keys and the contents of the frame are not secret.
 *
 * To rotate keys, add a key, make it `current`, and remove the old one when its entries have
 * expired.
 *
 * Source: NIST SP 800-38D, with random 96-bit nonces: change the key before 2^32 values were
 * written with it.
 *
 * @throws {InvalidOptionError} if an option is invalid. The error names the option and never shows
 * a key.
 * @example
 * const codec = encrypted(json, { keys: { '2026': process.env.CACHE_KEY! } })
 * createAside<User>({ client, prefix: 'user', ttl: '1h', codec })
 */
export function encrypted<T>(codec: Codec<T>, options: EncryptedOptions): Codec<T> {
  const inner = checkCodec<T>('codec', codec)
  const keys = keysOf(options)
  const current = currentOf(options, keys)

  function encrypt(kind: number, bytes: string | Buffer, context: CodecContext): Buffer {
    const id = Buffer.from(current)
    const header = Buffer.concat([Buffer.from([kind, id.length]), id, randomBytes(NONCE)])
    const cipher = createCipheriv(
      'aes-256-gcm',
      keys.get(current)!,
      header.subarray(-NONCE),
    ).setAAD(authenticated(header, context))
    return Buffer.concat([
      header,
      cipher.update(typeof bytes === 'string' ? Buffer.from(bytes) : bytes),
      cipher.final(),
      cipher.getAuthTag(),
    ])
  }

  function decrypt(kind: number, payload: Buffer, context: CodecContext): Buffer {
    const length = 2 + (payload[1] ?? 0) + NONCE
    if (payload[0] !== kind || payload.length < length + TAG)
      throw new CodecError(`The entry "${context.key}" is not encrypted, or has another format.`, {
        key: context.key,
      })
    const header = payload.subarray(0, length)
    const key = keys.get(header.subarray(2, length - NONCE).toString())
    if (!key)
      throw new CodecError(
        `The entry "${context.key}" is encrypted with a key that is not among "keys".`,
        { key: context.key },
      )
    const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(-NONCE), {
      authTagLength: TAG,
    })
    decipher
      .setAAD(authenticated(header, context))
      .setAuthTag(payload.subarray(payload.length - TAG))
    return Buffer.concat([
      decipher.update(payload.subarray(length, payload.length - TAG)),
      decipher.final(),
    ])
  }

  return {
    name: `encrypted ${inner.name}`,
    prepare: inner.prepare,
    encode: (value, context) => encrypt(VALUE, inner.encode(value, context), context),
    decode: (payload, context) => inner.decode(decrypt(VALUE, payload, context), context),
    seal: (bytes, context) => encrypt(SEALED, bytes, context),
    open: (sealed, context) => decrypt(SEALED, sealed, context),
  }
}

/**
 * Returns the data to authenticate. It contains the length of the Redis key, so that no part can be
 * taken for the next one.
 */
function authenticated(header: Buffer, { key, associatedData }: CodecContext): Buffer {
  const name = Buffer.from(key)
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(name.length)
  return Buffer.concat([header, length, name, ...(associatedData ? [associatedData] : [])])
}

/** The rows of `EncryptedOptions`. */
const encryptedOptions = {
  keys: givenOption(),
  current: givenOption(),
} satisfies OptionTable<EncryptedOptions>

function keysOf(options: EncryptedOptions): Map<string, Buffer> {
  const provided = readOptions('encrypted', encryptedOptions, options).keys as unknown
  if (typeof provided !== 'object' || provided === null || Object.keys(provided).length === 0)
    throw new InvalidOptionError('keys', 'an object from ids to keys of 32 bytes', provided)
  return new Map(
    Object.entries(options.keys).map(([id, secret], i) => [
      checkId(id),
      bytesOf(optionOf(id, i), secret),
    ]),
  )
}

function currentOf({ current }: EncryptedOptions, keys: Map<string, Buffer>): string {
  if (current === undefined && keys.size === 1) return [...keys.keys()][0]!
  if (typeof current !== 'string' || !keys.has(current))
    throw new InvalidOptionError('current', 'the id of one of the keys', current)
  return current
}

function checkId(id: string): string {
  if (id === '' || Buffer.byteLength(id) > 255)
    throw new InvalidOptionError('keys', 'keys by ids of 1 to 255 bytes')
  return id
}

/** If a key and its id are swapped, the id is the secret. A long id is therefore not shown. */
function optionOf(id: string, index: number): string {
  return id.length <= 8 ? `keys.${id}` : `keys[${index}]`
}

function bytesOf(option: string, secret: unknown): Buffer {
  const bytes = Buffer.isBuffer(secret)
    ? secret
    : typeof secret === 'string'
      ? Buffer.from(secret, /^[0-9a-f]{64}$/i.test(secret) ? 'hex' : 'base64')
      : undefined
  if (bytes?.length !== 32)
    throw new InvalidOptionError(
      option,
      'a key of 32 bytes, a Buffer, base64 or hex, by its id: { id: key }',
      bytes === undefined ? secret : bytes,
    )
  return Buffer.from(bytes)
}
