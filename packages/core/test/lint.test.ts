import { fileURLToPath } from 'node:url'
import { ESLint } from 'eslint'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** All rules of the repository. */
let eslint: ESLint
/** The rules that need no types. This is much faster. */
let eslintWithoutTypes: ESLint
beforeAll(() => {
  eslint = new ESLint({ cwd: root })
  eslintWithoutTypes = new ESLint({
    cwd: root,
    overrideConfig: {
      files: ['**/*.ts'],
      languageOptions: { parserOptions: { projectService: false } },
      rules: {
        '@typescript-eslint/no-floating-promises': 'off',
        '@typescript-eslint/no-misused-promises': 'off',
        '@typescript-eslint/await-thenable': 'off',
      },
    },
  })
})

/** Which of the rules refuse a text where a file of a package is. */
async function refusals(
  text: string,
  file: string,
  rules = eslintWithoutTypes,
): Promise<readonly string[]> {
  const [result] = await rules.lintText(text, { filePath: `${root}${file}` })
  return result!.messages.map(({ ruleId, message }) => `${ruleId ?? 'no rule'}: ${message}`)
}

const importing = (from: string): string =>
  `import { anything } from '${from}'\n\nexport const thing = anything\n`
const CORE = 'packages/core/src/index.ts'
const ASIDE = 'packages/aside/src/index.ts'
const TESTKIT = 'packages/testkit/src/index.ts'

describe('the lint rules', { timeout: 120_000 }, () => {
  it.each([
    [ASIDE, '@cache/core'],
    [ASIDE, '@cache/core/ioredis'],
    [ASIDE, 'node:crypto'],
    [ASIDE, './aside.js'],
    [CORE, './keys.js'],
    [CORE, '@standard-schema/spec'],
  ])('let %s import %s', async (file, from) => {
    expect(await refusals(importing(from), file)).toEqual([])
  })

  it.each([
    ['a pattern from a pattern', ASIDE, '@cache/lock'],
    ['a pattern from a pattern', ASIDE, '@cache/write-through'],
    ['a pattern from a pattern', ASIDE, '@cache/versioning/internal'],
    ['a pattern from itself by its public name', ASIDE, '@cache/aside'],
    ['upwards: a pattern from the service', ASIDE, '@cache/service'],
    ['a pattern from the tests’ kit', ASIDE, '@cache/testkit'],
    ['a pattern from what only begins as core', ASIDE, '@cache/core-extras'],
    ['upwards: core from a pattern', CORE, '@cache/aside'],
    ['upwards: core from the service', CORE, '@cache/service'],
    ['upwards: core from otel', CORE, '@cache/otel'],
    ['core from the tests’ kit', CORE, '@cache/testkit'],
    ['the tests’ kit from core', TESTKIT, '@cache/core'],
    ['the inside of another package', ASIDE, '../../core/src/keys.js'],
    ['the inside of another package', CORE, '../../aside/src/aside.js'],
    ['what another package has built', ASIDE, '../../core/dist/index.js'],
  ])('refuse to import %s: %s, %s', async (_, file, from) => {
    for (const text of [
      importing(from),
      `export * from '${from}'\n`,
      `import type { Anything } from '${from}'\n\nexport type Thing = Anything\n`,
      `export type { Anything } from '${from}'\n`,
    ]) {
      expect(await refusals(text, file)).toEqual([expect.stringMatching(/no-restricted-imports/)])
    }
  })

  it.each(['ioredis', 'redis'])('refuse core to load a client: %s', async (library) => {
    expect(await refusals(importing(library), CORE)).toEqual([
      expect.stringContaining('Core loads no client'),
    ])
  })

  it.each([
    ['the host’s clock', 'export const now = Date.now()\n', 'no-restricted-syntax'],
    ['a console', "console.log('x')\n", 'no-console'],
    [
      'a promise that nobody waits for',
      'Promise.resolve(1)\n',
      '@typescript-eslint/no-floating-promises',
    ],
  ])('refuse %s in what is published', async (_, text, rule) => {
    for (const file of [CORE, ASIDE])
      expect(await refusals(text, file, eslint)).toEqual([expect.stringMatching(rule)])
  })
})
