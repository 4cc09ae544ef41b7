import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { chosenResults } from '../src/publish/chosen-results.js'
import { publish } from '../src/publish/publish.js'
import { withBlock } from '../src/publish/with-block.js'
import { scenariosWithGoals } from '../src/report/goals.js'
import type { StoredResult } from '../src/report/results.js'

const folder = mkdtempSync(join(tmpdir(), 'bench-publish-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const resultOf = (scenario: string, changes: Partial<StoredResult> = {}): StoredResult => ({
  scenario,
  about: `About ${scenario}.`,
  scale: 'full',
  date: '2026-11-28',
  circumstances: { cpu: '2 × fast', node: 'v20.1.0', 'Redis server': '7.0', redlock: '5.0' },
  shown: 'times',
  better: 'more',
  rows: [{ name: '@cache/aside', times: 2 }],
  goals: [
    { what: `${scenario} is fast`, measured: 2.345, bound: 'at least', goal: 2 },
    { what: `${scenario} is small`, measured: 3, bound: 'at most', goal: 2.5 },
  ],
  ...changes,
})

it('publishes tables and pictures between the markers, and nothing else', async () => {
  const results = join(folder, 'results')
  for (const path of [results, join(folder, 'apps/docs/public/pictures')])
    mkdirSync(path, { recursive: true })
  for (const scenario of ['contended lock', ...scenariosWithGoals])
    writeFileSync(join(results, `${scenario}.json`), JSON.stringify(resultOf(scenario)))
  const document =
    '# Before\n\n<!-- benchmark -->\n\nThe last run.\n\n<!-- /benchmark -->\n\nAfter.\n'
  for (const file of ['README.md', 'apps/docs/benchmark.md'])
    writeFileSync(join(folder, file), document)
  await publish(results, folder)
  const [readme, page] = ['README.md', 'apps/docs/benchmark.md'].map((file) =>
    readFileSync(join(folder, file), 'utf8'),
  )
  for (const text of [readme!, page!]) {
    expect(text).toMatch(/^# Before\n\n<!-- benchmark -->\n\n[^]*<!-- \/benchmark -->\n\nAfter.\n$/)
    expect(text).not.toContain('The last run')
    expect(text).toContain('2026-11-28 on 2 × fast, with Redis 7.0 and Node.js v20.1.0.')
    expect(text).toContain('npm run bench -- --only goals')
    expect(text).toMatch(/\| hit +\| hit is fast +\| 2.35 +\|/)
  }
  expect(page).toMatch(/\| hit +\| hit is fast +\| 2.35 +\| ≥ 2 +\| ✓ +\|/)
  expect(page).toMatch(/\| hit +\| hit is small +\| 3 +\| ≤ 2.5 +\| ✗ +\|/)
  expect(page).toMatch(/### heap\n\nAbout heap.\n\n\| +\| times \|/)
  expect(page).toMatch(/\| redlock \| 5.0 +\|/)
  for (const theme of ['light', 'dark']) {
    const file = join(folder, `apps/docs/public/pictures/benchmark-${theme}.svg`)
    expect(readFileSync(file, 'utf8')).toMatch(/^<svg/)
  }
}, 60_000)

it('does not publish what was not measured in full', () => {
  const results = [resultOf('hit'), resultOf('miss', { scale: 'short' })]
  expect(() => chosenResults(results, ['hit', 'miss', 'bulk'])).toThrow('--only "miss,bulk"')
})

it('does not publish results of different machines or versions as one', () => {
  const results = [resultOf('miss', { circumstances: { node: 'v22.0.0' } }), resultOf('hit')]
  expect(() => chosenResults(results, ['hit'])).toThrow('than "hit": miss.')
  expect(chosenResults([resultOf('miss'), resultOf('hit')], []).map((one) => one.scenario)).toEqual(
    ['hit', 'miss'],
  )
})

it('refuses a document without markers', () => {
  expect(() => withBlock('text', 'benchmark', 'new')).toThrow('<!-- benchmark -->')
})
