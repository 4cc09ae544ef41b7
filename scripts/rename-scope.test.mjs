import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { copyTree } from './rehearsal/copy-tree.mjs'

const repository = resolve(import.meta.dirname, '..')
const FILES = {
  'packages/core/package.json': '{ "name": "@old/core" }',
  'src/a.ts': `import { a } from '@old/core/ioredis'
import { b } from '@older/core'
import { c } from '@old-fashioned/core'
channel('old:error', /^@old\\/\\S+/)`,
  '.changeset/a.md': "---\n'@old/core': minor\n---\n",
  LICENSE: 'the @old authors, me@old.example',
  'picture.png': '\0 @old/core',
}
let folder

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-rename-test-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('the scope is renamed in all texts, and nothing else', () => {
  smallRepository()
  const { status, stdout } = rename('@new-scope')
  assert.equal(status, 0)
  assert.match(stdout, /^Renamed @old to @new-scope in 4 files\.$/m)
  assert.equal(read('packages/core/package.json'), '{ "name": "@new-scope/core" }')
  assert.equal(
    read('src/a.ts'),
    `import { a } from '@new-scope/core/ioredis'
import { b } from '@older/core'
import { c } from '@old-fashioned/core'
channel('old:error', /^@new-scope\\/\\S+/)`,
  )
  assert.equal(read('.changeset/a.md'), "---\n'@new-scope/core': minor\n---\n")
  assert.equal(read('LICENSE'), 'the @new-scope authors, me@old.example')
  assert.equal(read('picture.png'), FILES['picture.png'])
})

test('a name that is not a scope, or the current scope, changes nothing', () => {
  smallRepository()
  for (const args of [[], ['new'], ['@New'], ['@a/b'], ['@'], ['@-a'], ['@a', '@b'], ['--all']]) {
    const { status, stderr } = rename(...args)
    assert.equal(status, 1, args.join(' '))
    assert.match(stderr, /Usage: node scripts\/rename-scope\.mjs @new-scope/)
  }
  const { status, stderr } = rename('@old')
  assert.equal(status, 1)
  assert.match(stderr, /have the scope @old already/)
  assert.equal(git('status', '--porcelain'), '')
})

test('a tree with changes is refused', () => {
  smallRepository()
  writeFileSync(join(folder, 'new.ts'), '')
  const { status, stderr } = rename('@new-scope')
  assert.equal(status, 1)
  assert.match(stderr, /Commit or stash your changes first.*new\.ts/s)
  assert.equal(read('LICENSE'), FILES.LICENSE)
})

test('nothing with the scope is left in a copy of this repository', () => {
  copyTree(repository, folder)
  const { name } = JSON.parse(read('packages/core/package.json'))
  const scope = name.split('/')[0]
  const names = filesWith(`${scope}/`)
  assert.ok(names.length > 100)
  const channels = filesWith('cache:error')

  const withScope = filesWith(alone(scope), '--extended-regexp')
  assert.ok(withScope.length > names.length) // Some name only the scope, such as the author.

  const other = ['@renamed', 'by', 'test'].join('-') // This file must not contain it.
  assert.equal(rename(other).status, 0)
  assert.deepEqual(filesWith(alone(scope), '--extended-regexp'), [])
  assert.deepEqual(filesWith(alone(other), '--extended-regexp'), withScope)
  assert.deepEqual(filesWith(`${other}/`), names)
  assert.deepEqual(filesWith('cache:error'), channels)
})

function smallRepository() {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  mkdirSync(join(folder, 'scripts'))
  cpSync(join(import.meta.dirname, 'rename-scope.mjs'), join(folder, 'scripts/rename-scope.mjs'))
  git('init', '--quiet')
  git('add', '--all')
  const settings = ['user.name=a', 'user.email=a@b', 'commit.gpgsign=false']
  git(...settings.flatMap((setting) => ['-c', setting]), 'commit', '--quiet', '--message=first')
}

function rename(...args) {
  const script = join(folder, 'scripts/rename-scope.mjs')
  return spawnSync('node', [script, ...args, '--no-install'], { encoding: 'utf8' })
}

/** Returns an expression for a scope that is not a part of a longer name. */
function alone(scope) {
  return `(^|[^[:alnum:]_])${scope}($|[^[:alnum:]_-])`
}

/** Returns the text files in which a text occurs. */
function filesWith(text, syntax = '--fixed-strings') {
  const args = ['grep', '-lI', syntax, text]
  const { stdout } = spawnSync('git', args, { cwd: folder, encoding: 'utf8' })
  return stdout.split('\n').filter(Boolean)
}

function git(...args) {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8' })
}

function read(name) {
  return readFileSync(join(folder, name), 'utf8')
}
