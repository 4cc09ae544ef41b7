import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const packages = fileURLToPath(new URL('../../../packages', import.meta.url))
const script = fileURLToPath(new URL('processes/loaded-modules.mjs', import.meta.url))
/** Modules of Node.js that take more than a millisecond, and that no client loads. */
const SLOW = [
  'node:http',
  'node:http2',
  'node:inspector',
  'node:v8',
  'node:worker_threads',
  'node:zlib',
]

// What an import costs depends on these, and they do not depend on the machine.
describe.each(['ioredis', 'node-redis'])('the import of aside with its driver on %s', (client) => {
  const urls = loadedBy('@cache/core', `@cache/core/${client}`, '@cache/aside')
  const files = urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url))

  it('loads five files, and none of another package', () => {
    expect(
      files.map((file) => relative(packages, file).replace(/chunk-\w+/, 'chunk')).sort(),
    ).toEqual(
      ['aside/dist/index', 'core/dist/chunk', 'core/dist/index', 'core/dist/internal']
        .concat(`core/dist/${client}`)
        .map((name) => `${name}.js`),
    )
  })

  it('loads no slow module of Node.js', () => {
    expect(urls).toContain('node:crypto')
    expect(urls.filter((url) => SLOW.includes(url))).toEqual([])
  })

  // V8 keeps it in two bytes per character otherwise, which take longer to decode.
  it('loads code that is ASCII', () => {
    expect(files.filter((file) => /[^\0-\x7f]/.test(readFileSync(file, 'utf8')))).toEqual([])
  })
})

function loadedBy(...modules: string[]): readonly string[] {
  const output = execFileSync(process.execPath, [script, ...modules], { encoding: 'utf8' })
  return output.trim().split('\n')
}
