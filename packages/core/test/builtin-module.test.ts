import zlib from 'node:zlib'
import { afterEach, expect, it, vi } from 'vitest'
import { builtinModule } from '../src/util/builtin-module.js'

afterEach(() => vi.unstubAllGlobals())

it('returns the module', () => {
  expect(builtinModule('node:zlib')).toBe(zlib)
})

it('returns it without process.getBuiltinModule, which Node.js has since 20.16', () => {
  vi.stubGlobal('process', { ...process, cwd: process.cwd, getBuiltinModule: undefined })
  expect(process.getBuiltinModule).toBeUndefined()
  expect(builtinModule('node:zlib')).toBe(zlib)
})
