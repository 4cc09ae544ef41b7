import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { createConsumer } from './rehearsal/consumer.mjs'
import { copyTree } from './rehearsal/copy-tree.mjs'
import { publishingEnvironment } from './rehearsal/publish.mjs'
import { startRegistry } from './rehearsal/registry.mjs'
import { table } from './rehearsal/summary.mjs'

let folder

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-rehearsal-test-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a copy has the files as they are now, without ignored and deleted ones', () => {
  const from = join(folder, 'from')
  mkdirSync(from)
  const git = (...args) => execFileSync('git', args, { cwd: from, encoding: 'utf8' })
  git('init', '--quiet')
  const files = { '.gitignore': 'dist\n', kept: 'old', deleted: '', dist: 'built' }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(from, name), text)
  git('add', '--all')
  const settings = ['user.name=a', 'user.email=a@b', 'commit.gpgsign=false']
  git(...settings.flatMap((setting) => ['-c', setting]), 'commit', '--quiet', '--message=first')
  const to = join(folder, 'to')
  assert.deepEqual(copyTree(from, to), { note: 'of the last commit' })
  rmSync(to, { recursive: true })

  writeFileSync(join(from, 'kept'), 'new')
  writeFileSync(join(from, 'added'), '')
  rmSync(join(from, 'deleted'))
  const before = git('status', '--porcelain')
  assert.deepEqual(copyTree(from, to), { note: 'with 3 uncommitted changes' })
  assert.deepEqual(readdirSync(to).sort(), ['.git', '.gitignore', 'added', 'kept'])
  assert.equal(readFileSync(join(to, 'kept'), 'utf8'), 'new')
  assert.equal(git('status', '--porcelain'), before)
})

test('a rehearsal knows one registry, and no token of the user or of CI', () => {
  const secrets = {
    NPM_TOKEN: 'secret',
    NODE_AUTH_TOKEN: 'secret',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret',
    NPM_CONFIG_REGISTRY: 'https://example.org/secret',
    'npm_config_//example.org/:_authToken': 'secret',
    NPM_CONFIG_PROVENANCE: 'true',
  }
  const copy = join(folder, 'copy')
  const env = publishingEnvironment(copy, 'http://127.0.0.1:9/', { PATH: '/bin', ...secrets })
  assert.doesNotMatch(JSON.stringify(env), /secret/)
  assert.equal(env.PATH, '/bin')
  assert.equal(env.npm_config_registry, 'http://127.0.0.1:9/')
  assert.equal(env.npm_config_provenance, 'false')
  assert.equal(
    readFileSync(env.npm_config_userconfig, 'utf8'),
    'registry=http://127.0.0.1:9/\n//127.0.0.1:9/:_authToken=rehearsal\n',
  )
})

test('a registry listens on the loopback interface, knows nothing, and ends', async () => {
  const registry = await startRegistry(join(folder, 'registry'))
  try {
    assert.match(registry.url, /^http:\/\/127\.0\.0\.1:\d+\/$/)
    assert.equal((await fetch(`${registry.url}-/ping`)).status, 200)
    assert.equal((await fetch(`${registry.url}ioredis`)).status, 404)
  } finally {
    await registry.stop()
  }
  await assert.rejects(fetch(`${registry.url}-/ping`))
})

test('a project depends on the packages, on what READMEs import, and on its types', () => {
  const versions = { express: '^5.0.0', '@types/express': '^5.0.1', unused: '^1.0.0' }
  for (const tool of ['ioredis', 'redis', 'tsx', 'typescript', '@types/node']) versions[tool] = '*'
  const options = {
    manifests: [
      {
        name: '@cache/core',
        version: '0.1.0',
        exports: { '.': {}, './ioredis': {}, './package.json': './package.json' },
      },
    ],
    versions,
    registry: 'http://127.0.0.1:9/',
    readmes: [
      {
        path: 'README.md',
        text: "```ts\nimport '@cache/core'\nimport express from 'express'\n```\n",
      },
    ],
  }
  const { blocks, entries, programs } = createConsumer(folder, options)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  assert.deepEqual(manifest.dependencies, { '@cache/core': '0.1.0' })
  const { unused: _, ...used } = versions
  assert.deepEqual(manifest.devDependencies, used)
  assert.equal(
    readFileSync(join(folder, '.npmrc'), 'utf8'),
    '@cache:registry=http://127.0.0.1:9/\n',
  )
  assert.deepEqual(entries, ['@cache/core', '@cache/core/ioredis'])
  const files = readdirSync(folder)
  for (const file of [...programs, 'exports.mjs', 'exports.cjs', `${blocks[0].name}.ts`])
    assert.ok(files.includes(file), file)

  delete versions.express
  assert.throws(() => createConsumer(folder, options), /A README imports express\. Add it/)
})

test('the summary has a row for each package, and the sums', () => {
  const rows = [
    { name: '@cache/core', version: '0.1.0', size: 102_400, files: 12 },
    { name: '@cache/otel', version: '0.1.0', size: 512, files: 9 },
  ]
  assert.equal(
    table(rows),
    `package      version    tarball  files
@cache/core  0.1.0    100.0 KiB     12
@cache/otel  0.1.0      0.5 KiB      9
2 packages            100.5 KiB     21`,
  )
})
