import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metadataProblems, withFixedVersions, withMetadata } from './package-metadata.mjs'

const root = {
  license: 'MIT',
  author: 'we',
  homepage: 'https://example.org/',
  repository: { type: 'git', url: 'git+https://example.org/cache.git' },
  bugs: { url: 'https://example.org/issues' },
  keywords: ['redis', 'cache'],
  publishConfig: { access: 'public', provenance: true },
  engines: { node: '>=20' },
}
const before = {
  name: '@cache/lock',
  version: '1.0.0',
  description: 'Locks.',
  keywords: ['lock', 'mutex', 'redis', 'semaphore'],
  files: ['dist', 'README.md', 'LICENSE', 'CHANGELOG.md'],
  engines: { node: '>=18' },
  dependencies: { '@cache/core': 'workspace:^', 'lru-cache': '^11.0.0' },
}
const complete = withMetadata(before, root, 'lock')

test('metadata leads to the package', () => {
  assert.equal(complete.homepage, 'https://example.org/patterns/lock')
  assert.equal(complete.repository.directory, 'packages/lock')
  assert.equal(complete.bugs, root.bugs)
  assert.equal(complete.engines, root.engines)
  assert.deepEqual(complete.keywords, ['redis', 'cache', 'lock', 'mutex', 'semaphore'])
  assert.deepEqual(complete.dependencies, before.dependencies)
  assert.deepEqual(withMetadata(complete, root, 'lock'), complete)
})

test('a package with all of it has no problems', () => {
  assert.deepEqual(problems({}), [])
})

for (const field of Object.keys(root).filter((name) => name !== 'keywords'))
  test(`a package without \`${field}\` is refused`, () => {
    assert.match(problems({ [field]: undefined }).join(), new RegExp(`^\`${field}\` must be`))
  })

test('a package without keywords or a description of its own is refused', () => {
  assert.match(problems({ keywords: undefined }).join(), /`keywords` must be .*not 0/s)
  assert.match(problems({ keywords: ['redis', 'cache', 'lock'] }).join(), /3 .*, not 1/)
  assert.match(problems({ description: '' }).join(), /`description` is missing/)
})

test('a package that leaves out one of the files is refused', () => {
  assert.deepEqual(problems({ files: ['dist'] }), [
    '`files` does not name README.md.',
    '`files` does not name LICENSE.',
    '`files` does not name CHANGELOG.md.',
  ])
})

test('a LICENSE that differs from that of the root, or is missing, is refused', () => {
  for (const license of [undefined, 'GPL'])
    assert.match(problems({}, { license }).join(), /^LICENSE differs/)
})

test('packages depend on each other with workspace:^, never as peers', () => {
  const range = problems({ dependencies: { '@cache/core': 'workspace:*' } })
  assert.match(range.join(), /@cache\/core with workspace:\^, not workspace:\*/)
  const peer = problems({ peerDependencies: { '@cache/core': 'workspace:^' } })
  assert.match(peer.join(), /@cache\/core must be in `dependencies`/)
})

test('all packages have one version', () => {
  const config = withFixedVersions({ commit: false, fixed: [] }, ['b', 'a'])
  assert.deepEqual(config, { commit: false, fixed: [['a', 'b']] })
})

function problems(change, files = { license: 'MIT' }) {
  const manifest = { ...complete, ...change }
  return metadataProblems({ manifest, root, folder: 'lock', rootLicense: 'MIT', ...files })
}
