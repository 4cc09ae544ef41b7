import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from '@jridgewell/sourcemap-codec'
import { onlySources } from './source-map-plugin.mjs'

const map = {
  version: 3,
  file: '/home/me/packages/lock/dist/index.cjs',
  sources: ['/home/me/packages/lock/dist/index.cjs', '../src/a.ts', '../src/b.ts'],
  sourcesContent: [undefined, 'a', 'b'],
  names: ['lock'],
  // prettier-ignore
  mappings: encode([[[0, 0, 0, 0]], [[0, 1, 4, 2], [9, 0, 1, 0]], [[3, 2, 7, 1, 0], [8]]]),
}

test('a source outside of src goes with its mappings, and all others stay', () => {
  const result = onlySources(map)
  assert.deepEqual(result.sources, ['../src/a.ts', '../src/b.ts'])
  assert.deepEqual(result.sourcesContent, ['a', 'b'])
  assert.deepEqual(decode(result.mappings), [[], [[0, 0, 4, 2]], [[3, 1, 7, 1, 0], [8]]])
})

test('no absolute path is left', () => {
  assert.doesNotMatch(JSON.stringify(onlySources(map)), /home/)
})

test('a map that names only files of src keeps its mappings', () => {
  const right = onlySources(map)
  assert.deepEqual(onlySources(right), right)
})
