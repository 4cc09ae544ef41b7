// Checks that packages change entries only through `entries.change` and `entries.lease`, which
// notify near caches. If the header of a Lua script declares an entry among its keys, the entry
// must be
// KEYS[1] and the script must be defined with `defineChange` or `defineLease`.
// Usage: `node scripts/check-entry-changes.mjs [folder of packages]`
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = process.argv[2] ?? join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages')
const problems = []
for (const file of readdirSync(folder).flatMap((name) => filesOf(name, '.lua'))) {
  const path = file.slice(folder.length + 1)
  if (path.startsWith('core/src/entries/')) continue // This is the implementation of entries.
  const header = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('--'))
    .join('\n')
  const keys = [...header.matchAll(/KEYS\[(\d+)\] (?:maybe: )?(?:the|an) entry\b(?!['’])/g)].map(
    ([, index]) => index,
  )
  if (keys.length === 0) continue
  if (keys.some((index) => index !== '1')) problems.push(`${path}: the entry must be KEYS[1]`)
  const definitions = definitionsOf(file)
  if (definitions.length === 0) problems.push(`${path}: no TypeScript file defines this script`)
  for (const { definer, source } of definitions)
    if (definer !== 'defineChange' && definer !== 'defineLease')
      problems.push(
        `${path}: ${source} defines it with ${definer} instead of defineChange or defineLease`,
      )
}
for (const problem of problems) console.error(problem)
process.exit(problems.length > 0 ? 1 : 0)

/** Returns the definitions of a Lua script: `{ definer: 'defineChange', source: 'scripts.ts' }`. */
function definitionsOf(file) {
  const definitions = []
  const [name] = file.slice(folder.length + 1).split('/')
  for (const source of filesOf(name, '.ts')) {
    const text = readFileSync(source, 'utf8')
    const [, local] =
      new RegExp(`import (\\w+) from '[^']*/${basename(file).replace('.', '\\.')}'`).exec(text) ??
      []
    if (!local) continue
    const begin = '\\b(define\\w+)(?:<[^(]*>)?\\(\\{(?:(?!\\bdefine\\w+\\()[\\s\\S])*?'
    const definition = new RegExp(`${begin}\\b(?:lua|currentValue): ${local}\\b`, 'g')
    for (const [, definer] of text.matchAll(definition))
      definitions.push({ definer, source: basename(source) })
  }
  return definitions
}

/** Returns the source files of a package whose name ends with `end`. */
function filesOf(name, end) {
  const src = join(folder, name, 'src')
  if (!existsSync(src)) return []
  return readdirSync(src, { recursive: true })
    .filter((path) => path.endsWith(end))
    .map((path) => join(src, path))
}
