// What a user finds in an installed package, beside the code that works.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Returns what is wrong with the files of a package as it was published, a sentence for each
 * problem. `released` says that it was published as a release is: it then has a changelog with its
 * version, which `changeset version` writes, and nothing of an earlier build. A working copy may
 * have some: turbo does not empty `dist` when it restores a build.
 */
export function fileProblems(folder, { released = false } = {}) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const read = (file) => readFileSync(join(folder, file), 'utf8')
  const problems = []
  for (const file of ['README.md', 'LICENSE'])
    if (!files.includes(file)) problems.push(`${file} is missing.`)
  if (released && !hasHeading(folder, manifest.version))
    problems.push(`CHANGELOG.md does not mention ${manifest.version}.`)
  for (const [name, range] of Object.entries(manifest.dependencies ?? {}))
    if (/^(workspace|link|file):/.test(range)) problems.push(`${name} has the range ${range}.`)
  for (const target of targets(manifest.exports))
    if (!existsSync(join(folder, target))) problems.push(`${target} is missing.`)
  const code = codeFiles(folder, manifest.exports)
  for (const file of released ? files : [])
    if (/^dist\b.*\.c?js$/.test(file) && !code.includes(file))
      problems.push(`Nothing imports ${file}.`)
  for (const file of code) {
    const map = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(read(file))?.[1]
    if (map === undefined || !files.includes(join(file, '..', map)))
      problems.push(`${file} has no source map.`)
    else if (!isComplete(JSON.parse(read(join(file, '..', map)))))
      problems.push(`${map} does not contain its sources, or names files outside of src.`)
  }
  return problems
}

/** An entry may be empty: a package without changes gets the version of the others. */
function hasHeading(folder, version) {
  const file = join(folder, 'CHANGELOG.md')
  return existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(`## ${version}`)
}

/** Returns all files that `exports` leads to. */
function targets(exports) {
  return typeof exports === 'string' ? [exports] : Object.values(exports).flatMap(targets)
}

/** Returns the files that run when somebody imports the package: entry points, and their chunks. */
function codeFiles(folder, exports) {
  const found = new Set(targets(exports).map((target) => join(target)))
  for (const file of found) {
    if (!/\.c?js$/.test(file) || !existsSync(join(folder, file))) found.delete(file)
    else
      for (const [, chunk] of readFileSync(join(folder, file), 'utf8').matchAll(CHUNK))
        found.add(join(file, '..', chunk))
  }
  return [...found]
}

const CHUNK = /(?:from|import|require)\s*\(?\s*["'](\.\/[^"']+)["']/g

function isComplete({ sources, sourcesContent = [] }) {
  return sources.every(
    (source, i) => source.startsWith('../src/') && typeof sourcesContent[i] === 'string',
  )
}
