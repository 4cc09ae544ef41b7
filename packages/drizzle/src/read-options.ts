import {
  durationOption,
  flagOption,
  readOptions,
  textOption,
  type CheckedOptions,
  type OptionTable,
} from '@cache/core/internal'
import type { ReadOptions } from './types.js'

const readOptionTable = {
  ttl: durationOption(undefined, { min: 1 }),
  tag: textOption(),
  autoInvalidate: flagOption(true),
} satisfies OptionTable<ReadOptions>

/** `ReadOptions` that are checked, with their defaults. */
export type CheckedReadOptions = CheckedOptions<typeof readOptionTable, ReadOptions>

/** @throws {InvalidOptionError} if an option of `read` is wrong. */
export function checkReadOptions(options: ReadOptions): CheckedReadOptions {
  return readOptions('read', readOptionTable, options)
}
