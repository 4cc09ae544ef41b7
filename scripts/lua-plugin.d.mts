import type { Options } from 'tsup'

export const luaPlugin: NonNullable<Options['esbuildPlugins']>[number]
export function withoutComments(lua: string): string
