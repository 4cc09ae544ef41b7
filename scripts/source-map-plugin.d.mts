import type { Options } from 'tsup'

/** A tsup plugin: source maps name only files of `src`, and contain all of them. */
export const sourceMapPlugin: NonNullable<Options['plugins']>[number]
