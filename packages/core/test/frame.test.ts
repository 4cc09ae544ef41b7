import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodecError } from '../src/index.js'
import {
  associatedData,
  frame,
  frameAbsent,
  isFrame,
  unframe,
  type Meta,
} from '../src/entries/frame.js'

const RUNS = process.env.CHAOS ? 200_000 : 3_000
const bytes = (stored: string | Buffer): Buffer =>
  typeof stored === 'string' ? Buffer.from(stored) : stored

const version = fc.oneof(
  fc.constantFrom(0, 1, 255, 256, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  fc.maxSafeNat(),
)
const computeTime = fc.oneof(fc.constantFrom(0, 1, 2 ** 32 - 1), fc.nat())
const stamp = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const meta: fc.Arbitrary<Meta> = fc.record(
  {
    version: fc.option(version, { nil: undefined }),
    computeTime: fc.option(computeTime, { nil: undefined }),
    stamp: fc.option(stamp, { nil: undefined }),
  },
  { requiredKeys: [] },
)
const payload = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '\x01', '\x01\x00', '\x01\x01{}', '{"id":42}'),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from([1, ...array])),
)

describe('a frame', () => {
  it('preserves the payload and its metadata, byte for byte', () => {
    fc.assert(
      fc.property(payload, fc.option(meta, { nil: undefined }), (content, metadata) => {
        const framed = unframe(bytes(frame(content, metadata)))
        expect(framed?.payload.equals(bytes(content))).toBe(true)
        expect(framed).toMatchObject({
          presence: 'present',
          version: metadata?.version,
          computeTime: metadata?.computeTime,
          stamp: metadata?.stamp,
        })
      }),
      { numRuns: RUNS },
    )
  })

  it('without a value preserves whether that is null or undefined', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(null, undefined),
        fc.option(meta, { nil: undefined }),
        (absent, metadata) => {
          const stored = frameAbsent(absent, metadata)
          expect(isFrame(stored)).toBe(true)
          expect(unframe(stored)).toMatchObject({
            payload: Buffer.alloc(0),
            presence: absent,
            version: metadata?.version,
            computeTime: metadata?.computeTime,
            stamp: metadata?.stamp,
          })
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('is used only for metadata, or for a payload that looks like a frame', () => {
    for (const plain of ['{"id":42}', '', '0', ' ', '\x00\x01', '\x02']) {
      expect(frame(plain)).toBe(plain)
      expect(frame(plain, {})).toBe(plain)
      expect(frame(plain, { version: undefined })).toBe(plain)
      const buffer = Buffer.from(plain)
      expect(frame(buffer)).toBe(buffer)
    }
    expect(frame('\x01')).toEqual(Buffer.from([1, 0, 1]))
    expect(frame('{}', { version: 7 })).toEqual(
      Buffer.from([1, 1, 0x40, 0x1c, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]),
    )
    expect(frame('{}', { computeTime: 258 })).toEqual(Buffer.from([1, 2, 0, 0, 1, 2, 0x7b, 0x7d]))
    expect(frame('{}', { stamp: Buffer.from('s') })).toEqual(
      Buffer.from([1, 16, 0, 0, 0, 1, 0x73, 0x7b, 0x7d]),
    )
    expect(frameAbsent(null)).toEqual(Buffer.from([1, 4]))
    expect(frameAbsent(undefined)).toEqual(Buffer.from([1, 12]))
  })

  it('begins unlike any JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(isFrame(JSON.stringify(value))).toBe(false)
      }),
    )
  })

  it('that is truncated anywhere in its header is refused', () => {
    fc.assert(
      fc.property(payload, version, computeTime, stamp, (content, versionValue, ms, stampBytes) => {
        const metadata = { version: versionValue, computeTime: ms, stamp: stampBytes }
        const stored = bytes(frame(content, metadata))
        for (let length = 1; length < 18 + stampBytes.length; length++)
          expect(unframe(stored.subarray(0, length))).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('without a value is refused if truncated, and bytes after it are its proof', () => {
    const stored = frameAbsent(undefined, { version: 7, stamp: Buffer.from('s') })
    for (let length = 1; length < stored.length; length++)
      expect(unframe(stored.subarray(0, length))).toBeUndefined()
    expect(unframe(frameAbsent(null, {}, Buffer.from('x')))).toMatchObject({
      presence: null,
      payload: Buffer.from('x'),
    })
  })

  it('has its whole header authenticated, except a version that a script sets', () => {
    fc.assert(
      fc.property(
        payload,
        fc.constantFrom('present' as const, null, undefined),
        meta,
        (content, presence, metadata) => {
          const stored =
            presence === 'present'
              ? bytes(frame(content, metadata))
              : frameAbsent(presence, metadata)
          expect(unframe(stored)?.associatedData).toEqual(associatedData(presence, metadata))
        },
      ),
      { numRuns: 300 },
    )
    const setByScript = { version: 0, versionByScript: true } as const
    const stored = bytes(frame('x', setByScript))
    stored.writeDoubleBE(77, 2)
    expect(unframe(stored)).toMatchObject({
      version: 77,
      associatedData: associatedData('present', setByScript),
    })
    expect(associatedData('present', { version: 0 })).not.toEqual(
      associatedData('present', setByScript),
    )
    expect(associatedData('present', { version: 1 })).not.toEqual(
      associatedData('present', { version: 2 }),
    )
  })

  it('with unknown or contradictory flags is refused', () => {
    for (let flags = 0; flags < 256; flags++) {
      const isKnown =
        (flags & ~63) === 0 &&
        !((flags & 8) !== 0 && (flags & 4) === 0) &&
        !((flags & 32) !== 0 && (flags & 1) === 0)
      const fields = (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0) + (flags & 16 ? 4 : 0)
      expect(
        unframe(Buffer.from([1, flags, ...Buffer.alloc(fields)])) !== undefined,
        `flags ${flags}`,
      ).toBe(isKnown)
    }
  })

  it.each([-1, 1.5, NaN, Infinity, 2 ** 53, -0.5, '7', null, 7n])(
    'refuses to write or read the version %s',
    (invalid) => {
      expect(() => frame('x', { version: invalid as number })).toThrow(CodecError)
      if (typeof invalid !== 'number') return
      const stored = Buffer.alloc(10)
      stored[0] = stored[1] = 1
      stored.writeDoubleBE(invalid, 2)
      expect(unframe(stored)).toBeUndefined()
    },
  )

  it.each([-1, NaN, -Infinity])('refuses to write the computeTime %d', (invalid) => {
    expect(() => frame('x', { computeTime: invalid })).toThrow(CodecError)
  })

  it('rounds a computeTime, and caps it at 2^32 - 1', () => {
    for (const [written, read] of [
      [0.4, 0],
      [1.6, 2],
      [2 ** 32 - 1, 2 ** 32 - 1],
      [2 ** 32, 2 ** 32 - 1],
      [1e300, 2 ** 32 - 1],
      [Infinity, 2 ** 32 - 1],
    ] as const) {
      expect(unframe(bytes(frame('x', { computeTime: written })))?.computeTime).toBe(read)
    }
  })

  it('writes the version -0 as 0', () => {
    expect(unframe(bytes(frame('x', { version: -0 })))?.version).toBe(0)
  })

  it('is read from arbitrary bytes without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (noise, asFrame) => {
        const stored = Buffer.from(asFrame ? [1, ...noise] : noise)
        const framed = unframe(stored)
        if (!isFrame(stored)) expect(framed?.payload).toBe(stored)
        else if (framed)
          expect(
            stored.subarray(stored.length - framed.payload.length).equals(framed.payload),
          ).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })

  it('is read without copying the payload', () => {
    const stored = bytes(frame('payload', { version: 7 }))
    expect(unframe(stored)!.payload.buffer).toBe(stored.buffer)
  })
})
