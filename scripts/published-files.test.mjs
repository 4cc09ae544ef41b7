import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileProblems } from './published-files.mjs'

const MAP = { version: 3, sources: ['../src/index.ts'], sourcesContent: ['code'], mappings: '' }
let folder

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-published-'))
  write('package.json', {
    version: '1.2.0',
    exports: { '.': { import: './dist/index.js' }, './package.json': './package.json' },
    dependencies: { 'lru-cache': '^11.0.0' },
  })
  write('README.md', 'what it is')
  write('LICENSE', 'MIT')
  write('CHANGELOG.md', '# a\n\n## 1.2.0\n\n- more\n\n## 1.1.0\n\n- something\n')
  write('dist/index.js', 'code\n//# sourceMappingURL=index.js.map')
  write('dist/index.js.map', MAP)
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a complete package has no problems', () => {
  assert.deepEqual(fileProblems(folder, { released: true }), [])
})

test('README and LICENSE must be there', () => {
  for (const file of ['README.md', 'LICENSE']) rmSync(join(folder, file))
  assert.deepEqual(fileProblems(folder), ['README.md is missing.', 'LICENSE is missing.'])
})

test('the changelog of a release must have its version', () => {
  const problem = ['CHANGELOG.md does not mention 1.2.0.']
  write('CHANGELOG.md', '# a\n\n## 1.1.0\n\n- something\n')
  assert.deepEqual(fileProblems(folder, { released: true }), problem)
  rmSync(join(folder, 'CHANGELOG.md'))
  assert.deepEqual(fileProblems(folder, { released: true }), problem)
  assert.deepEqual(fileProblems(folder), [])
})

test('what only exists in the repository is no dependency', () => {
  write('package.json', { version: '1.2.0', exports: {}, dependencies: { core: 'workspace:^' } })
  assert.deepEqual(fileProblems(folder), ['core has the range workspace:^.'])
})

test('the files of `exports` must be there', () => {
  write('package.json', { version: '1.2.0', exports: { './a': { require: './dist/a.cjs' } } })
  assert.deepEqual(fileProblems(folder), ['./dist/a.cjs is missing.'])
})

test('code must have a source map that contains its sources', () => {
  const problem = ['index.js.map does not contain its sources, or names files outside of src.']
  write('dist/index.js.map', { ...MAP, sourcesContent: [null] })
  assert.deepEqual(fileProblems(folder), problem)
  write('dist/index.js.map', { ...MAP, sources: ['/home/me/src/index.ts'] })
  assert.deepEqual(fileProblems(folder), problem)
  rmSync(join(folder, 'dist/index.js.map'))
  assert.deepEqual(fileProblems(folder), ['dist/index.js has no source map.'])
})

test('chunks need source maps as well, and a release has nothing of an earlier build', () => {
  write('dist/chunk.js', 'no map')
  assert.deepEqual(fileProblems(folder), [])
  assert.deepEqual(fileProblems(folder, { released: true }), ['Nothing imports dist/chunk.js.'])
  write('dist/index.js', 'import"./chunk.js"\n//# sourceMappingURL=index.js.map')
  assert.deepEqual(fileProblems(folder), ['dist/chunk.js has no source map.'])
})

function write(name, content) {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
}
