// Workflows run third-party code with permissions for this repository. These tests check that the
// code is pinned and has no more permissions than it needs.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../.github/workflows/', import.meta.url))

for (const name of readdirSync(folder)) {
  const text = readFileSync(folder + name, 'utf8')

  test(`${name}: every action is pinned by the hash of its commit`, () => {
    for (const [, action] of text.matchAll(/uses: (\S+)/g)) {
      if (!action.startsWith('./')) assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
    }
  })

  test(`${name}: jobs may only read by default`, () => {
    assert.match(text, /^permissions: \{ contents: read \}$/m)
  })

  test(`${name}: later steps do not get the token of the checkout`, () => {
    const checkouts = text.match(/actions\/checkout@/g)?.length ?? 0
    assert.equal(text.match(/persist-credentials: false/g)?.length ?? 0, checkouts)
  })
}

test('release.yml publishes after the tests, without a long-lived token', () => {
  const text = readFileSync(`${folder}release.yml`, 'utf8')
  assert.match(text, /release:\n\s+needs: test\n/)
  assert.match(text, /id-token: write/)
  assert.doesNotMatch(text, /NPM_TOKEN|NODE_AUTH_TOKEN/)
})
