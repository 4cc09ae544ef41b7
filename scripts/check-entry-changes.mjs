// Checks that no package changes entries past `entries.change`, which tells near caches: a script
// of which the header says that it has an entry among its keys takes it as KEYS[1], and is made by
// `defineChange`. `node scripts/check-entry-changes.mjs [folder of packages]`
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = process.argv[2] ?? join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages')
const wrong = []
for (const file of readdirSync(folder).flatMap((name) => filesOf(name, '.lua'))) {
  const path = file.slice(folder.length + 1)
  if (path.startsWith('core/src/entries/')) continue // the protocol itself
  const header = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('--'))
    .join('\n')
  const keys = [...header.matchAll(/KEYS\[(\d+)\] (?:maybe: )?(?:the|an) entry\b(?!['’])/g)].map(
    ([, index]) => index,
  )
  if (keys.length === 0) continue
  if (keys.some((index) => index !== '1')) wrong.push(`${path}: the entry must be KEYS[1]`)
  const uses = usesOf(file)
  if (uses.length === 0) wrong.push(`${path}: nothing makes a script of it`)
  for (const { by, source } of uses)
    if (by !== 'defineChange')
      wrong.push(`${path}: ${source} makes it with ${by}, not with defineChange`)
}
for (const one of wrong) console.error(one)
process.exit(wrong.length > 0 ? 1 : 0)

/** What makes scripts of a Lua file: `{ by: 'defineChange', source: 'scripts.ts' }`. */
function usesOf(file) {
  const uses = []
  const [name] = file.slice(folder.length + 1).split('/')
  for (const source of filesOf(name, '.ts')) {
    const text = readFileSync(source, 'utf8')
    const [, local] =
      new RegExp(`import (\\w+) from '[^']*/${basename(file).replace('.', '\\.')}'`).exec(text) ??
      []
    if (!local) continue
    for (const [, by] of text.matchAll(
      new RegExp(
        `\\b(define\\w+)(?:<[^(]*>)?\\(\\{(?:(?!\\bdefine\\w+\\()[\\s\\S])*?\\blua: ${local}\\b`,
        'g',
      ),
    ))
      uses.push({ by, source: basename(source) })
  }
  return uses
}

/** The files of a package's sources that end so. */
function filesOf(name, end) {
  const src = join(folder, name, 'src')
  if (!existsSync(src)) return []
  return readdirSync(src, { recursive: true })
    .filter((path) => path.endsWith(end))
    .map((path) => join(src, path))
}
