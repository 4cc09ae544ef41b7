// Renames the npm scope of all packages, everywhere: `node scripts/rename-scope.mjs @new-scope`.
// Manifests, imports, documents, changesets and configurations keep everything else, such as the
// names of channels (`cache:error`). `--offline` installs without a registry, and `--no-install`
// leaves out the steps that need installed packages.
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** What npm allows in the name of an organisation or user. */
const SCOPE = /^@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
const root = resolve(import.meta.dirname, '..')
const { values: options, newScope } = readArguments()
const [oldScope] = JSON.parse(
  readFileSync(join(root, 'packages/core/package.json'), 'utf8'),
).name.split('/')

if (newScope === oldScope) fail(`The packages have the scope ${oldScope} already.`)
const changes = git('status', '--porcelain')
if (changes !== '')
  fail(`Commit or stash your changes first, so that you can undo the renaming:\n${changes}`)

const renamed = git('ls-files', '-z')
  .split('\0')
  .filter((file) => file !== '' && rename(file))
console.log(`Renamed ${oldScope} to ${newScope} in ${renamed.length} files.`)
if (!options['no-install']) {
  // Lines have another length now, and the lock file another order.
  const install = ['install', '--no-frozen-lockfile', '--reporter=silent']
  run('pnpm', [...install, options.offline ? '--offline' : '--prefer-offline'])
  run('pnpm', ['exec', 'prettier', '--write', '--log-level=warn', '--ignore-unknown', ...renamed])
}
console.log(`Next:
1. "pnpm build", then "pnpm api" and "pnpm sizes --write" for the files that are made from the code.
2. "npm run check". If the new scope is longer, shorten the lines that ESLint names.
3. Look at "git diff --stat" and commit. "git checkout . && pnpm install" undoes it instead.
The address of the repository and of the site are in the package.json of the root. "pnpm metadata"
copies them to the packages.`)

/** Renames the scope in a file. Returns whether the file contained it. */
function rename(file) {
  const path = join(root, file)
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return false
  const bytes = readFileSync(path)
  if (bytes.includes(0)) return false // It is no text.
  const before = bytes.toString('utf8')
  const after = before.replaceAll(new RegExp(`(?<!\\w)${oldScope}(?![\\w-])`, 'g'), newScope)
  if (after === before) return false
  writeFileSync(path, after)
  return true
}

function readArguments() {
  const usage = 'Usage: node scripts/rename-scope.mjs @new-scope [--offline | --no-install]'
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        offline: { type: 'boolean', default: false },
        'no-install': { type: 'boolean', default: false },
      },
    })
    const [scope = '', ...others] = positionals
    if (others.length > 0 || !SCOPE.test(scope))
      fail(
        `"${positionals.join(' ')}" is not a scope. A scope is an @ with the name of an ` +
          `organisation or user of npm: lower-case letters, digits and hyphens.\n${usage}`,
      )
    return { values, newScope: scope }
  } catch (error) {
    return fail(`${error.message}\n${usage}`)
  }
}

function run(name, args) {
  const env = { ...process.env }
  env.PATH = [join(root, '.tools/node_modules/.bin'), env.PATH].join(delimiter)
  const { status, error } = spawnSync(name, args, { cwd: root, env, stdio: 'inherit' })
  if (status !== 0) fail(`\`${name} ${args.slice(0, 3).join(' ')} …\` failed. ${error ?? ''}`)
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1_024 ** 2 })
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
