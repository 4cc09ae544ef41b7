import { createRequire } from 'node:module'
import type * as v8 from 'node:v8'
import type * as zlib from 'node:zlib'

interface BuiltinModules {
  readonly 'node:v8': typeof v8
  readonly 'node:zlib': typeof zlib
}

/**
 * Returns a module of Node.js, and loads it if nothing has yet. For modules that take a millisecond
 * or two to load and that few processes use.
 *
 * A bundler does not see the module, and need not. Node.js has `process.getBuiltinModule` since
 * 20.16. Before, it is `createRequire`, for which any absolute path will do.
 *
 * @example const zlib = lazy(() => builtinModule('node:zlib'))
 */
export function builtinModule<Id extends keyof BuiltinModules>(id: Id): BuiltinModules[Id] {
  const found: unknown =
    process.getBuiltinModule?.(id) ?? createRequire(`${process.cwd()}/none.js`)(id)
  return found as BuiltinModules[Id]
}
