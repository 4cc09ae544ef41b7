import { InvalidOptionError } from '../errors.js'

/**
 * A size: a number of bytes, or a number with a unit: `'512b'`, `'4kb'`, `'64mb'`, `'1gb'`. A
 * kilobyte has 1024 bytes.
 */
export type Size = number | `${number}${Unit}`

type Unit = keyof typeof BYTES

const BYTES = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const

/**
 * Converts a size to whole bytes, at least 1.
 *
 * @throws {InvalidOptionError} if it is not a `Size`. The error names `option`.
 * @example parseSize('4kb', 'threshold') // 4096
 */
export function parseSize(size: Size, option: string): number {
  const bytes = typeof size === 'number' ? size : fromText(size)
  if (!(bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER))
    throw new InvalidOptionError(
      option,
      "a size: bytes above 0, or '512b' | '4kb' | '64mb' | '1gb'",
      size,
    )
  return Math.max(1, Math.round(bytes))
}

function fromText(text: unknown): number {
  if (typeof text !== 'string') return NaN
  const match = /^(\d+(?:\.\d+)?)(b|kb|mb|gb)$/.exec(text)
  return match ? Number(match[1]) * BYTES[match[2] as Unit] : NaN
}
