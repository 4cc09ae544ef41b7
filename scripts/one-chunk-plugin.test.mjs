import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { oneChunkPlugin } from './one-chunk-plugin.mjs'

const SOURCES = {
  'a.ts': `import { ab } from './ab'\nimport { ac } from './ac'\nexport const a: string = ab + ac`,
  'b.ts': `import { ab } from './ab'\nexport const b = ab + 'b'`,
  'c.ts': `import { ac } from './ac'\nexport { ac }\nexport const c = ac + 'c'`,
  'ab.ts': `export const ab = 'AB'\nexport const unused = 'UNUSED'`,
  'ac.ts': `export const ac = 'AC'`,
}
let folder

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-one-chunk-'))
  for (const [name, code] of Object.entries(SOURCES)) writeFileSync(join(folder, name), code)
})
after(() => rmSync(folder, { recursive: true }))

test('without it, each set of entry points has a chunk of its own', async () => {
  assert.equal(chunksOf(await bundle([])).length, 2)
})

test('the files, and what they import, are in a chunk that each entry point imports', async () => {
  const outputs = await bundle([oneChunkPlugin(['a.ts', 'b.ts'])])
  const [chunk, ...others] = chunksOf(outputs)
  assert.deepEqual(others, [])
  const texts = Object.fromEntries(outputs.map(({ name, text }) => [name, text]))
  for (const name of ['a.js', 'b.js', 'c.js']) assert.match(texts[name], new RegExp(chunk.name))
  for (const text of ['"AB"', '"AC"', '+ "b"']) assert.ok(chunk.text.includes(text), text)
  assert.ok(texts['c.js'].includes('+ "c"'), 'c.ts is not one of the files')
  assert.doesNotMatch(chunk.text, /UNUSED/)
})

test('the entry points export the same', async () => {
  const outputs = await bundle([oneChunkPlugin(['a.ts', 'b.ts'])])
  for (const { name, text } of outputs) writeFileSync(join(folder, name), text)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const [a, b, c] = await Promise.all(
    ['a', 'b', 'c'].map((name) => import(pathToFileURL(join(folder, `${name}.js`)))),
  )
  assert.deepEqual({ ...a, ...b, ...c }, { a: 'ABAC', b: 'ABb', ac: 'AC', c: 'ACc' })
})

async function bundle(plugins) {
  const { outputFiles, warnings } = await build({
    absWorkingDir: folder,
    entryPoints: { a: 'a.ts', b: 'b.ts', c: 'c.ts' },
    outdir: 'out',
    bundle: true,
    format: 'esm',
    splitting: true,
    write: false,
    plugins,
  })
  assert.deepEqual(warnings, [])
  return outputFiles.map(({ path, text }) => ({ name: path.split(/[\\/]/).at(-1), text }))
}

function chunksOf(outputs) {
  return outputs.filter(({ name }) => name.startsWith('chunk-'))
}
