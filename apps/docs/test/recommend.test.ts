import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { startRedis } from '@cache/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answers, type Need, questions } from '../.vitepress/theme/choose/questions.js'
import { recommend } from '../.vitepress/theme/choose/recommend.js'

const root = resolve(import.meta.dirname, '../../..')
const scratch = join(root, '.tmp/recommend')

const all = allAnswers()

beforeAll(() => {
  mkdirSync(scratch, { recursive: true })
  writeFileSync(join(scratch, 'package.json'), '{"type":"module"}')
  all.forEach((answers, n) => writeFileSync(join(scratch, `${n}.ts`), recommend(answers).code))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

test('every program has correct types', () => {
  const config = { extends: '../../tsconfig.base.json', include: ['*.ts'] }
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config))
  expect(run({}, 'node_modules/typescript/bin/tsc', '-p', scratch)).toBe('')
}, 180_000)

const runnable = all.filter(({ servers }) => servers === 'one' || servers === 'shards')
/** Half of the programs differ from the others in their client or near cache only. */
const samples = process.env.CHAOS
  ? runnable
  : runnable.filter(({ library, hot }) => library === 'ioredis' && hot === 'no')

test.for(samples)('the program for %o does what its comments say', async (answers) => {
  const { code } = recommend(answers)
  const [first, second] = await Promise.all([startRedis(), startRedis()])
  const env = { REDIS_URL: first.url, REDIS_URL_2: second.url }
  const printed = run(env, '--import', 'tsx', join(scratch, `${all.indexOf(answers)}.ts`))
  await Promise.all([first.stop(), second.stop()])
  for (const [part, output] of Object.entries({
    'const rows': /chair/,
    "name: 'armchair'": /name: 'armchair'/,
    '(sale)': /name: 'chair \(sale\)'/,
    createLocks: /mine, with fence \d+/,
    createRateLimiter: /true 99 0/,
    'createWriteBehind(': /^1$/m,
  })) {
    if (code.includes(part)) expect(printed, code).toMatch(output)
  }
})

test('a recommendation names core, and each package that its program imports', () => {
  for (const answers of all) {
    const { packages, code, install } = recommend(answers)
    const imported = [...code.matchAll(/'@cache\/([\w-]+)/g)].map(([, name]) => name!)
    expect(new Set(packages.keys())).toEqual(new Set(imported))
    for (const name of packages.keys()) expect(install).toContain(`@cache/${name}`)
  }
})

/** Every cache with every client, and every need and kind of servers once. */
function allAnswers(): Answers[] {
  const base: Answers = {
    needs: ['reads'],
    changes: 'anywhere',
    invalidate: 'row',
    hot: 'no',
    servers: 'one',
    library: 'ioredis',
  }
  const names = <K extends keyof typeof questions>(question: K) =>
    Object.keys(questions[question].answers) as (keyof (typeof questions)[K]['answers'])[]
  const caches = names('changes').flatMap((changes) =>
    names('invalidate').map((invalidate) => ({ ...base, changes, invalidate })),
  )
  const servers = names('library').flatMap((library) =>
    names('servers').map((kind) => ({ ...base, library, servers: kind })),
  )
  const needs = names('needs').map((need): Answers => ({ ...base, needs: [need as Need] }))
  const hot = caches.map((cache): Answers => ({ ...cache, hot: 'yes', library: 'node-redis' }))
  const everything = { ...base, needs: names('needs') as Need[] }
  const list = [...caches, ...hot, ...servers, ...needs, everything]
  return [...new Map(list.map((answers) => [JSON.stringify(answers), answers])).values()]
}

function run(env: Record<string, string>, ...args: string[]): string {
  try {
    return execFileSync('node', args, {
      cwd: root,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 120_000,
    })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${stdout}\n${stderr}`, { cause: error })
  }
}
