import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeBlocks, importedPackages } from './code-blocks.mjs'

const fence = '```'

test('a block is found with its line, its declarations, and whether it runs', () => {
  const text = `# A

${fence}ts
run()
${fence}

<!-- with: declare const client: Client -->

${fence}ts no-run
use(client)
${fence}
`
  const [first, second, ...others] = codeBlocks(text, 'packages/a/README.md')
  assert.deepEqual(first, {
    file: 'packages/a/README.md',
    line: 3,
    code: '\nrun()\n\nexport {}\n',
    runs: true,
    name: 'packages_a_README_md_3',
  })
  assert.match(second.code, /declare const client: Client \nuse\(client\)/)
  assert.equal(second.runs, false)
  assert.deepEqual(others, [])
})

test('blocks in other languages, and copies of files, are not programs', () => {
  const text = ['sh', 'js', 'ts from=a.ts', 'tsx'].map((kind) => `${fence}${kind}\na()\n${fence}\n`)
  assert.deepEqual(codeBlocks(text.join('\n'), 'README.md'), [])
})

test('imported packages are named without their subpaths, and without files and Node', () => {
  const code = `import { a } from '@scope/core/ioredis'
import { b } from '@scope/core'
import type { C } from 'express'
import 'side-effect/register'
import { d } from './d.js'
import { e } from 'node:net'
const f = await import('lazy')`
  assert.deepEqual(importedPackages(code), ['@scope/core', 'express', 'side-effect', 'lazy'])
})
