// The tables of options in the READMEs come from the docstrings of the interfaces. A comment before
// a table names its interface: <!-- options: AsideOptions -->. More words select the rows:
//
// - without client, LoadPolicyOptions: leaves out an option, or what an interface declares.
// - keep ttl: does not leave this one out.
// - expand retry: has a row for each member (retry.attempts, …) instead of one for retry.
//
// This script compares each table with its interface, and the default in each docstring with the
// one that is declared in the code (`satisfies OptionTable<…>`). With `--write` it updates the
// tables. Needs the built packages.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import * as prettier from 'prettier'
import ts from 'typescript'
import { OptionReader, parseSelection } from './read-options.mjs'

const root = resolve(import.meta.dirname, '..')

/** A table: the comment that names its interface, and the lines that follow it. */
const TABLE = /<!-- options: (\w+)([\w\s,.]*?)\s*-->\n\n((?:\|.*\n)*)/g

const problems = await checkTables(process.argv.includes('--write'))
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

/** Returns what is wrong with the tables and the defaults. */
async function checkTables(write) {
  const problems = []
  const packages = readdirSync(join(root, 'packages'))
  const program = ts.createProgram(packages.flatMap(sourcesOf), {
    ...compilerOptions(),
    noEmit: true,
  })
  for (const name of packages) {
    const folder = join(root, 'packages', name)
    const sources = program
      .getSourceFiles()
      .filter(({ fileName }) => fileName.startsWith(join(folder, 'src')))
    const reader = new OptionReader(program.getTypeChecker(), sources)
    problems.push(...reader.wrongDefaults().map((text) => `${name}: ${text}`))
    const file = join(folder, 'README.md')
    const current = readFileSync(file, 'utf8')
    const text = current.replace(TABLE, (all, options, selection, table) => {
      const rows = reader.rows(options, parseSelection(selection))
      if (!rows) {
        problems.push(`${relative(root, file)}: ${options} is not an interface of this package.`)
        return all
      }
      for (const row of rows)
        if (row.description === '')
          problems.push(`${name}: ${options}.${row.name} has no docstring.`)
      return all.slice(0, all.length - table.length) + tableOf(rows)
    })
    const updated = await prettier.format(text, {
      ...(await prettier.resolveConfig(file)),
      parser: 'markdown',
    })
    if (updated === current) continue
    if (write) writeFileSync(file, updated)
    else
      problems.push(
        `${relative(root, file)}: a table differs from the docstrings. Run "pnpm options".`,
      )
  }
  return problems
}

/** Returns the source files of a package. */
function sourcesOf(name) {
  const folder = join(root, 'packages', name, 'src')
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

function compilerOptions() {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), (path) =>
    readFileSync(path, 'utf8'),
  )
  return ts.parseJsonConfigFileContent(config, ts.sys, root).options
}

function tableOf(rows) {
  const lines = rows.map(
    ({ name, type, fallback, description }) =>
      `| \`${name}\` | \`${type.replaceAll('|', '\\|')}\` | ${asCode(fallback)} | ` +
      `${description.replaceAll('|', '\\|')} |\n`,
  )
  return ['| option | type | default | description |\n| --- | --- | --- | --- |\n', ...lines].join(
    '',
  )
}

function asCode(text) {
  return /^('[^']*'|true|false)$/.test(text) ? `\`${text}\`` : text
}
