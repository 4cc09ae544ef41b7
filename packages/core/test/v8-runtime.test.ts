import nodeV8 from 'node:v8'
import { afterEach, expect, it, vi } from 'vitest'
import { compressed, json, v8 } from '../src/index.js'
import { createFormat } from '../src/internal.js'

const serialize = vi.spyOn(nodeV8, 'serialize')
afterEach(() => serialize.mockReset())

// What `serialize` of Bun returns for null: without and with its mark.
it.each(['0e00000004', 'ff42554e010e00000004'])('refuses v8 on a runtime that writes %s', (hex) => {
  serialize.mockReturnValue(Buffer.from(hex, 'hex'))
  for (const codec of [() => v8, () => compressed(v8)])
    expect(() => createFormat({ codec: codec() })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_RUNTIME' }),
    )
  expect(() => createFormat({ codec: json })).not.toThrow()
})
