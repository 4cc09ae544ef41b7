import type { Options } from 'tsup'

export function oneChunkPlugin(
  files: readonly string[],
): NonNullable<Options['esbuildPlugins']>[number]
