import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { bundleSize, sizeProblems, withSizes } from './bundle-sizes.mjs'

const folder = mkdtempSync(join(tmpdir(), 'bundle-sizes-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'package.json'), '{ "type": "module", "sideEffects": false }')

/** Measures a module that exports `used` and `unused`, each with so many bytes of noise. */
async function sizeOf({ used, unused = 0 }, code = "export { used } from './module.js'") {
  const text = (bytes) => JSON.stringify(randomBytes(bytes).toString('base64'))
  writeFileSync(
    join(folder, 'module.js'),
    `// A comment.\nexport const used = ${text(used)}\nexport const unused = ${text(unused)}\n`,
  )
  return await bundleSize(code, { resolveDir: folder })
}

test('a bundle that has grown fails, and so does one that has shrunk', async () => {
  const committed = { some: await sizeOf({ used: 20_000 }) }
  const same = { some: await sizeOf({ used: 20_000 }) }
  assert.deepEqual(sizeProblems({ committed, measured: same }), [])
  const grown = { some: await sizeOf({ used: 20_700 }) }
  assert.match(
    sizeProblems({ committed, measured: grown }).join(),
    /^some has grown from \d+\.\d K/,
  )
  const shrunk = { some: await sizeOf({ used: 19_300 }) }
  assert.match(sizeProblems({ committed, measured: shrunk }).join(), /^some has shrunk from/)
})

test('a small bundle may grow by 3 %, a large one by 0.3 KiB', () => {
  const grows = (before, bytes) =>
    sizeProblems({ committed: { some: before }, measured: { some: before + bytes } }).length
  assert.deepEqual([grows(1_000, 30), grows(1_000, 31)], [0, 1])
  assert.deepEqual([grows(100_000, 307), grows(100_000, 308)], [0, 1])
})

test('a bundle above its limit fails, whatever is committed', () => {
  const sizes = { some: 2_048 }
  assert.deepEqual(sizeProblems({ committed: sizes, measured: sizes, limits: { some: 1_024 } }), [
    'some is 2.0 KiB. Its limit is 1.0 KiB.',
  ])
  assert.deepEqual(sizeProblems({ committed: sizes, measured: sizes, limits: { some: 2_048 } }), [])
})

test('each bundle has a number, and each number a bundle', () => {
  assert.deepEqual(sizeProblems({ committed: { old: 1 }, measured: { new: 1_024 } }), [
    'new has no committed size. It is 1.0 KiB.',
    'old is not measured any more.',
  ])
})

test('only what is used counts', async () => {
  assert.ok((await sizeOf({ used: 1_000, unused: 50_000 })) < 2_000)
  assert.ok((await sizeOf({ used: 1_000, unused: 50_000 }, "export * from './module.js'")) > 50_000)
})

test('external packages do not count, and missing ones fail', async () => {
  const code = "export { some } from 'nowhere'"
  assert.ok((await bundleSize(code, { resolveDir: folder, external: ['nowhere'] })) < 100)
  await assert.rejects(bundleSize(code, { resolveDir: folder }), /nowhere/)
})

test('the table of packages shows the sizes', () => {
  const readme = `| package | what | min + gzip |
| --- | --- | ---: |
| [\`@cache/one\`](packages/one) | One. | 1.0 KiB |
| [\`@cache/two\`](packages/two) | Two. | |
`
  assert.equal(
    withSizes(readme, { '@cache/one': 2_048 }),
    readme.replace('1.0 KiB', '2.0 KiB').replace('Two. | |', 'Two. | – |'),
  )
})
