import { CodecError } from '../errors.js'

/** What may travel with a value. */
export interface Meta {
  /** Of the row it was made from: a safe integer of at least 0, growing with each change. */
  readonly version?: number | undefined
  /** How long it took to make, in ms. Kept up to 2^32 - 1. */
  readonly computeTime?: number | undefined
  /**
   * What else must be as it was for the value to be right: a pattern's own (the versions of its
   * groups).
   */
  readonly stamp?: Buffer | undefined
  /**
   * The version is put in later, by the script that stores the frame: it can't be authenticated.
   */
  readonly versionByScript?: true | undefined
}

/** What a frame holds: a payload, or the fact that there is none. */
export interface Framed extends Meta {
  readonly payload: Buffer
  /** `null` or `undefined`, for "there is none"; else `'present'`. */
  readonly presence: Presence
  /** What an authenticating codec is to authenticate with the payload: see `associatedData`. */
  readonly associatedData: Buffer
}

export type Presence = 'present' | null | undefined

/*
 * A frame:  01 | flags | version, 8 bytes | computeTime, 4 bytes | stamp's length, 4 bytes, and
 * stamp | payload
 *
 * Flags say which fields are there. Byte 01 begins no JSON text, and a payload that begins with it
 * is framed with no fields. The version comes first, at a fixed offset, as a big-endian IEEE
 * double, so that a Lua script can read it: struct.unpack('>d', …) on a Redis whose Lua knows no
 * 64-bit integers; so does stamp.lua with the stamp. Flags yet without a meaning make a frame
 * unreadable, not misread.
 */
const CONTROL = 0x01
const VERSION = 1
const COMPUTE_TIME = 2
const ABSENT = 4
const IS_UNDEFINED = 8
const STAMP = 16
/** The version is not part of the associated data. */
const VERSION_BY_SCRIPT = 32
const KNOWN = VERSION | COMPUTE_TIME | ABSENT | IS_UNDEFINED | STAMP | VERSION_BY_SCRIPT
const MAX_UINT32 = 0xffff_ffff
const NOTHING = Buffer.alloc(0)

/**
 * What to store for a payload: itself, where nothing travels with it and it can't be mistaken for a
 * frame; else a frame.
 *
 * @throws {CodecError} for a version that is no safe integer of at least 0, a computeTime that is
 * no number of at least 0.
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
 * What to store where the source has none: a frame without a payload; with the proof of that, where
 * the codec has one.
 */
export function frameAbsent(
  presence: null | undefined,
  meta?: Meta,
  proof: Buffer = NOTHING,
): Buffer {
  return Buffer.concat([headerOf(presence, meta), proof])
}

/**
 * What a codec that authenticates is to authenticate with the payload: presence and metadata, as
 * they stand in the frame. Empty for a present value without metadata, whether it is in a frame or
 * bare.
 */
export function associatedData(presence: Presence, meta?: Meta): Buffer {
  return boundOf(headerOf(presence, meta))
}

/** Whether it begins as a frame does; anything else is a bare payload. */
export function isFrame(stored: string | Buffer): boolean {
  return (typeof stored === 'string' ? stored.charCodeAt(0) : stored[0]) === CONTROL
}

/**
 * What is in a frame, the payload being a view of it; a bare payload is in a frame of its own.
 * `undefined` for a frame that is cut off, or that says something this version does not know.
 *
 * @example unframe(Buffer.from('{"id":42}'))?.payload.toString() // '{"id":42}'
 */
export function unframe(stored: Buffer): Framed | undefined {
  if (!isFrame(stored))
    return {
      payload: stored,
      presence: 'present',
      version: undefined,
      computeTime: undefined,
      stamp: undefined,
      associatedData: NOTHING,
    }
  const flags = stored[1]
  if (flags === undefined || (flags & ~KNOWN) !== 0) return undefined
  const fields = fieldsSize(flags)
  if (stored.length < fields) return undefined
  const header = flags & STAMP ? fields + stored.readUInt32BE(fields - 4) : fields
  const absent = (flags & ABSENT) !== 0
  if (stored.length < header) return undefined
  if (!absent && (flags & IS_UNDEFINED) !== 0) return undefined
  const version = flags & VERSION ? stored.readDoubleBE(2) : undefined
  if (version !== undefined && !isVersion(version)) return undefined
  if (version === undefined && (flags & VERSION_BY_SCRIPT) !== 0) return undefined
  return {
    payload: stored.subarray(header),
    presence: !absent ? 'present' : flags & IS_UNDEFINED ? undefined : null,
    version,
    computeTime: flags & COMPUTE_TIME ? stored.readUInt32BE(flags & VERSION ? 10 : 2) : undefined,
    stamp: flags & STAMP ? stored.subarray(fields, header) : undefined,
    associatedData: boundOf(stored.subarray(0, header)),
  }
}

function headerOf(presence: Presence, meta: Meta | undefined): Buffer {
  const flags =
    (meta === undefined ? 0 : flagsOf(meta)) |
    (presence === 'present' ? 0 : presence === null ? ABSENT : ABSENT | IS_UNDEFINED)
  const header = Buffer.allocUnsafe(fieldsSize(flags) + (meta?.stamp?.length ?? 0))
  writeHeader(header, flags, meta)
  return header
}

function boundOf(header: Buffer): Buffer {
  if (header[1] === 0) return NOTHING
  if ((header[1]! & VERSION_BY_SCRIPT) === 0) return header
  return Buffer.from(header).fill(0, 2, 10)
}

function flagsOf({ version, computeTime, stamp, versionByScript }: Meta): number {
  if (version !== undefined && !isVersion(version))
    throw new CodecError(
      `A version must be a safe integer of at least 0, but is ${typeof version === 'number' ? version : typeof version}.`,
    )
  if (computeTime !== undefined && !(computeTime >= 0))
    throw new CodecError(
      `A computeTime must be a number of at least 0, but is ${typeof computeTime === 'number' ? computeTime : typeof computeTime}.`,
    )
  return (
    (version === undefined ? 0 : VERSION) |
    (computeTime === undefined ? 0 : COMPUTE_TIME) |
    (stamp === undefined ? 0 : STAMP) |
    (versionByScript ? VERSION_BY_SCRIPT : 0)
  )
}

function isVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= 0
}

/** Control byte, flags, and fields, up to the stamp's length. */
function fieldsSize(flags: number): number {
  return 2 + (flags & VERSION ? 8 : 0) + (flags & COMPUTE_TIME ? 4 : 0) + (flags & STAMP ? 4 : 0)
}

function writeHeader(framed: Buffer, flags: number, meta: Meta | undefined): void {
  framed[0] = CONTROL
  framed[1] = flags
  let at = 2
  // + 0: there is no version -0.
  if (meta?.version !== undefined) at = framed.writeDoubleBE(meta.version + 0, at)
  if (meta?.computeTime !== undefined)
    at = framed.writeUInt32BE(Math.min(Math.round(meta.computeTime), MAX_UINT32), at)
  if (meta?.stamp !== undefined) framed.set(meta.stamp, framed.writeUInt32BE(meta.stamp.length, at))
}
