import { CodecError } from '../errors.js'

/** Metadata that is stored with a value. */
export interface Meta {
  /**
   * The version of the row that the value was made from: a safe integer of at least 0 that grows
   * with each change.
   */
  readonly version?: number | undefined
  /** How long the value took to compute, in ms. Stored up to 2^32 - 1. */
  readonly computeTime?: number | undefined
  /**
   * What else must be unchanged for the value to be valid. Each pattern defines its own content,
   * such as the versions of groups.
   */
  readonly stamp?: Buffer | undefined
  /**
   * The script that stores the frame sets the version later, so it can't be authenticated.
   */
  readonly versionByScript?: true | undefined
}

/** The content of a frame: a payload, or the fact that the source has none. */
export class Framed implements Meta {
  readonly payload: Buffer
  /** `'present'`, or the `null` or `undefined` that stands for "there is none". */
  readonly presence: Presence
  readonly version: number | undefined
  readonly computeTime: number | undefined
  readonly stamp: Buffer | undefined
  readonly #stored: Buffer
  readonly #header: number

  /** `header` is the number of bytes of `stored` before the payload. */
  constructor(stored: Buffer, header: number, presence: Presence, meta: Meta) {
    this.payload = header === 0 ? stored : stored.subarray(header)
    this.presence = presence
    this.version = meta.version
    this.computeTime = meta.computeTime
    this.stamp = meta.stamp
    this.#stored = stored
    this.#header = header
  }

  /**
   * The data that a codec authenticates together with the payload; see `associatedData`. Few codecs
   * do, and a view of a Buffer is expensive.
   */
  get associatedData(): Buffer {
    return this.#header === 0 ? EMPTY : authenticatedPart(this.#stored.subarray(0, this.#header))
  }
}

export type Presence = 'present' | null | undefined

/*
 * The layout of a frame:
 *
 *   01 | flags | version (8 bytes) | computeTime (4 bytes) | length of stamp (4 bytes) | stamp
 *      | payload
 *
 * The flags say which fields are present. No JSON text begins with byte 01; a payload that begins
 * with it is stored in a frame without fields. The version comes first, at a fixed offset, as a
 * big-endian IEEE double, so that a script can read it with struct.unpack('>d', …): the Lua of
 * Redis has no 64-bit integers. The script stamp.lua reads the stamp likewise. A frame with unknown
 * flags is unreadable instead of misread.
 */
const CONTROL = 0x01
const VERSION = 1
const COMPUTE_TIME = 2
const ABSENT = 4
const IS_UNDEFINED = 8
const STAMP = 16
/** The version is not part of the associated data. */
const VERSION_BY_SCRIPT = 32
const KNOWN_FLAGS = VERSION | COMPUTE_TIME | ABSENT | IS_UNDEFINED | STAMP | VERSION_BY_SCRIPT
const MAX_UINT32 = 0xffff_ffff
const EMPTY = Buffer.alloc(0)
const NO_META: Meta = {}

/**
 * Returns what to store for a payload: the payload itself if it has no metadata and can't be
 * mistaken for a frame, otherwise a frame.
 *
 * @throws {CodecError} if the version is not a safe integer of at least 0, or the computeTime is
 * not a number of at least 0.
 * @example
 * frame('{"id":42}')                 // '{"id":42}'
 * frame('{"id":42}', { version: 7 }) // <Buffer 01 01 40 1c …>
 */
export function frame(payload: string | Buffer, meta?: Meta): string | Buffer {
  const flags = meta === undefined ? 0 : flagsOf(meta)
  if (flags === 0 && !isFrame(payload)) return payload
  const header = fieldsSize(flags) + (meta?.stamp?.length ?? 0)
  if (typeof payload !== 'string') {
    const framed = Buffer.allocUnsafe(header + payload.length)
    writeHeader(framed, flags, meta)
    framed.set(payload, header)
    return framed
  }
  const framed = Buffer.allocUnsafe(header + Buffer.byteLength(payload))
  writeHeader(framed, flags, meta)
  framed.write(payload, header)
  return framed
}

/**
 * Returns the flags of a frame whose only field is a version that a script sets. The script makes
 * the frame: byte 01, the flags, the version (struct.pack('>d', …)) and the payload.
 */
export function flagsForScript(presence: Presence, meta: Meta): number {
  return flagsOf(meta) | absenceFlags(presence)
}

/** The bytes that such a frame has before its payload. */
export const SCRIPT_HEADER_BYTES = fieldsSize(VERSION)

/**
 * Returns what to store if the source has no value: a frame without a payload, but with the proof
 * of an authenticating codec that there is none.
 */
export function frameAbsent(
  presence: null | undefined,
  meta?: Meta,
  proof: Buffer = EMPTY,
): Buffer {
  return Buffer.concat([headerOf(presence, meta), proof])
}

/**
 * Returns the data that an authenticating codec authenticates together with the payload: presence
 * and metadata, as stored in the frame. Empty for a present value without metadata, whether it is
 * in a frame or not.
 */
export function associatedData(presence: Presence, meta?: Meta): Buffer {
  return authenticatedPart(headerOf(presence, meta))
}

/** Whether stored data begins like a frame. Anything else is a bare payload. */
export function isFrame(stored: string | Buffer): boolean {
  return (typeof stored === 'string' ? stored.charCodeAt(0) : stored[0]) === CONTROL
}

/**
 * Parses a frame or a bare payload. The payload of a frame is a view of `stored`. Returns
 * `undefined` for a frame that is truncated, or has flags that this version does not know.
 *
 * @example unframe(Buffer.from('{"id":42}'))?.payload.toString() // '{"id":42}'
 */
export function unframe(stored: Buffer): Framed | undefined {
  if (!isFrame(stored)) return new Framed(stored, 0, 'present', NO_META)
  const flags = stored[1]
  if (flags === undefined || (flags & ~KNOWN_FLAGS) !== 0) return undefined
  const fields = fieldsSize(flags)
  if (stored.length < fields) return undefined
  const header = flags & STAMP ? fields + stored.readUInt32BE(fields - 4) : fields
  const absent = (flags & ABSENT) !== 0
  if (stored.length < header) return undefined
  if (!absent && (flags & IS_UNDEFINED) !== 0) return undefined
  const version = flags & VERSION ? stored.readDoubleBE(2) : undefined
  if (version !== undefined && !isVersion(version)) return undefined
  if (version === undefined && (flags & VERSION_BY_SCRIPT) !== 0) return undefined
  const presence = !absent ? 'present' : flags & IS_UNDEFINED ? undefined : null
  return new Framed(stored, header, presence, {
    version,
    computeTime: flags & COMPUTE_TIME ? stored.readUInt32BE(flags & VERSION ? 10 : 2) : undefined,
    stamp: flags & STAMP ? stored.subarray(fields, header) : undefined,
  })
}

function headerOf(presence: Presence, meta: Meta | undefined): Buffer {
  const flags = (meta === undefined ? 0 : flagsOf(meta)) | absenceFlags(presence)
  const header = Buffer.allocUnsafe(fieldsSize(flags) + (meta?.stamp?.length ?? 0))
  writeHeader(header, flags, meta)
  return header
}

function absenceFlags(presence: Presence): number {
  return presence === 'present' ? 0 : presence === null ? ABSENT : ABSENT | IS_UNDEFINED
}

function authenticatedPart(header: Buffer): Buffer {
  if (header[1] === 0) return EMPTY
  if ((header[1]! & VERSION_BY_SCRIPT) === 0) return header
  return Buffer.from(header).fill(0, 2, 10)
}

function flagsOf({ version, computeTime, stamp, versionByScript }: Meta): number {
  if (version !== undefined && !isVersion(version))
    throw new CodecError(
      `A version must be a safe integer of at least 0, but is ${numberOrType(version)}.`,
    )
  if (computeTime !== undefined && !(computeTime >= 0))
    throw new CodecError(
      `A computeTime must be a number of at least 0, but is ${numberOrType(computeTime)}.`,
    )
  return (
    (version === undefined ? 0 : VERSION) |
    (computeTime === undefined ? 0 : COMPUTE_TIME) |
    (stamp === undefined ? 0 : STAMP) |
    (versionByScript ? VERSION_BY_SCRIPT : 0)
  )
}

/** Does not show other values, which may be secret. */
function numberOrType(value: unknown): string {
  return typeof value === 'number' ? String(value) : typeof value
}

function isVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= 0
}

/** The size of the control byte, the flags and the fields, without the stamp. */
function fieldsSize(flags: number): number {
  return 2 + (flags & VERSION ? 8 : 0) + (flags & COMPUTE_TIME ? 4 : 0) + (flags & STAMP ? 4 : 0)
}

function writeHeader(framed: Buffer, flags: number, meta: Meta | undefined): void {
  framed[0] = CONTROL
  framed[1] = flags
  let offset = 2
  // Adding 0 turns -0 into 0.
  if (meta?.version !== undefined) offset = framed.writeDoubleBE(meta.version + 0, offset)
  if (meta?.computeTime !== undefined) {
    const ms = Math.min(Math.round(meta.computeTime), MAX_UINT32)
    offset = framed.writeUInt32BE(ms, offset)
  }
  if (meta?.stamp !== undefined) {
    offset = framed.writeUInt32BE(meta.stamp.length, offset)
    framed.set(meta.stamp, offset)
  }
}
