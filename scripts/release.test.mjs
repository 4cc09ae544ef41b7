import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, cpSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

// A copy of the script stands alone in a folder. So nothing can be published by mistake.
const folder = mkdtempSync(join(tmpdir(), 'cache-release-test-'))
mkdirSync(join(folder, 'scripts'))
mkdirSync(join(folder, '.changeset'))
cpSync(join(import.meta.dirname, 'release.mjs'), join(folder, 'scripts/release.mjs'))
writeFileSync(join(folder, '.changeset/new-option.md'), '')
after(() => rmSync(folder, { recursive: true }))

test('an unknown option is refused, and the known ones are shown', () => {
  for (const argument of ['--dryrun', '--dry-run=yes', 'now']) {
    const { status, stderr } = release(argument)
    assert.equal(status, 1)
    assert.match(stderr, /(Unknown option|does not take an argument|Unexpected argument)/)
    assert.match(stderr, /Usage: npm run release -- \[--dry-run/)
  }
})

test('--install alone is refused', () => {
  const { status, stderr } = release('--install')
  assert.equal(status, 1)
  assert.match(stderr, /^--install needs --dry-run/)
})

test('--help explains the options', () => {
  const { status, stdout } = release('--help')
  assert.equal(status, 0)
  assert.match(stdout, /--dry-run {4}Does the same on a copy/)
})

test('nothing is published while changesets have no version', () => {
  const { status, stderr } = release()
  assert.equal(status, 1)
  assert.match(stderr, /^Changesets without a version: 1\. .*Nothing was published\.$/m)
})

function release(...args) {
  return spawnSync('node', ['scripts/release.mjs', ...args], { cwd: folder, encoding: 'utf8' })
}
