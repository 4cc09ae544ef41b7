// Installs each published package from its tarball into an empty project with one of the two
// clients. Uses it there as ESM, as CommonJS, and from TypeScript with all module resolutions.
// Checks that the other client is neither needed nor loaded, and that LICENSE, README and source
// maps are in the tarball. `node scripts/check-tarballs.mjs [folder]`: the tarballs are in the
// folder, and are packed without it.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  entriesOf,
  frameworksOf,
  packCommand,
  publishedPackages,
  tarballName,
} from './packages.mjs'
import { fileProblems } from './published-files.mjs'
import { load, program, roundTripProgram } from './rehearsal/consumer-programs.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const scratch = mkdtempSync(join(tmpdir(), 'cache-tarballs-'))
const published = publishedPackages(root)
const manifests = published.map(({ manifest }) => manifest)
const names = manifests.map(({ name }) => name)
/** Packages on a library whose own declarations only compile with `skipLibCheck`. */
const namesOnUncheckedLibraries = new Set(['@cache/drizzle'])
const { devDependencies } = manifests.find(({ name }) => name === '@cache/core')
const { startRedis } = await import(join(root, 'packages/testkit/dist/index.js'))

const clients = {
  ioredis: {
    driver: 'ioredisDriver',
    entry: '@cache/core/ioredis',
    typescript: `import { Redis } from 'ioredis'
export const client = createCacheClient(ioredisDriver(new Redis()))`,
    other: 'redis',
  },
  redis: {
    driver: 'nodeRedisDriver',
    entry: '@cache/core/node-redis',
    typescript: `import { createClient } from 'redis'
export const client = createCacheClient(nodeRedisDriver(createClient()))`,
    other: 'ioredis',
  },
}
const RESOLUTIONS = {
  commonjs: 'node10',
  node16: 'node16',
  nodenext: 'nodenext',
  preserve: 'bundler',
}
const COMPILER_OPTIONS = {
  noEmit: true,
  strict: true,
  target: 'es2022',
  types: ['node'],
  lib: ['es2023', 'esnext.disposable'],
}

const server = await startRedis()
try {
  const folder = process.argv[2] ?? pack(scratch)
  const tarballs = Object.fromEntries(
    manifests.map((manifest) => [manifest.name, `file:${join(folder, tarballName(manifest))}`]),
  )
  for (const client of Object.keys(clients)) check(client, tarballs)
  console.log(
    `${published.length} packages, ${Object.keys(clients).length} clients: ` +
      'installed, imported, required, type-checked and run',
  )
} finally {
  await server.stop()
  rmSync(scratch, { recursive: true, force: true })
}

function pack(folder) {
  const [name, ...args] = packCommand(published, folder)
  execFileSync(name, args, { cwd: root, stdio: 'pipe' })
  return folder
}

function check(client, tarballs) {
  const project = join(scratch, `with-${client}`)
  mkdirSync(project)
  const manifest = {
    name: 'consumer',
    private: true,
    dependencies: { ...tarballs, ...frameworksOf(manifests), [client]: devDependencies[client] },
    overrides: tarballs,
    devDependencies: { typescript: '~5.9.0', '@types/node': '^20.0.0' },
  }
  write(project, 'package.json', JSON.stringify(manifest))
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel', 'error']
  run(project, 'npm', ['install', ...quiet])
  for (const name of names) {
    const problems = fileProblems(join(project, 'node_modules', name))
    if (problems.length > 0) throw new Error(`${name}:\n${problems.join('\n')}`)
  }

  for (const format of ['mjs', 'cjs']) {
    write(project, `isolation.${format}`, isolationProgram(client, format))
    write(project, `use.${format}`, roundTripProgram('@cache', client, format))
    for (const file of ['isolation', 'use']) run(project, 'node', [`${file}.${format}`])
  }

  const { driver, entry, typescript } = clients[client]
  write(
    project,
    'use.ts',
    `${importsOf(names.filter((name) => !namesOnUncheckedLibraries.has(name)))}
import { createCacheClient } from '@cache/core'
import { ${driver} } from '${entry}'
${typescript}\n`,
  )
  // Most frameworks of the adapters are not installed, so this skips the check of libraries. It
  // still checks that every entry point resolves.
  write(project, 'entries.ts', importsOf(manifests.flatMap(entriesOf)))
  const skipsLibraries = { 'use.ts': client === 'redis', 'entries.ts': true }
  const projects = Object.entries(RESOLUTIONS).flatMap(([module, moduleResolution]) =>
    Object.entries(skipsLibraries).map(([file, skipLibCheck]) => {
      const name = `${file}.${module}.json`
      const compilerOptions = { ...COMPILER_OPTIONS, module, moduleResolution, skipLibCheck }
      write(project, name, JSON.stringify({ compilerOptions, files: [file] }))
      return name
    }),
  )
  // One process parses the declarations of the libraries once for all projects.
  run(project, 'npx', ['tsc', '--build', ...projects])
}

/** Returns TypeScript that imports modules, and uses all of them. */
function importsOf(modules) {
  const imports = modules.map((name, i) => `import * as all${i} from '${name}'`)
  return `${imports.join('\n')}
export const everything = [${modules.map((_, i) => `all${i}`).join(', ')}]\n`
}

/** Returns a program that checks that the packages load no client that they do not need. */
function isolationProgram(client, format) {
  const { entry, other } = clients[client]
  const here = format === 'cjs' ? '__filename' : 'import.meta.url'
  return program(
    format,
    `
const { createRequire } = ${load('node:module', format)}
const loaded = () => Object.keys(createRequire(${here}).cache ?? {}).join('\\n')
${load('@cache/core', format)}
if (/node_modules[\\\\/](ioredis|redis|@redis)[\\\\/]/.test(loaded()))
  throw new Error('@cache/core alone has loaded a client')
${[...names, entry].map((name) => load(name, format)).join('\n')}
if (/node_modules[\\\\/]${other}[\\\\/]/.test(loaded()))
  throw new Error('${other} was loaded')
try {
  createRequire(${here}).resolve('${other}')
  throw new Error('${other} is installed')
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error
}`,
  )
}

function write(project, name, text) {
  writeFileSync(join(project, name), text)
}

function run(cwd, name, args) {
  try {
    execFileSync(name, args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, REDIS_URL: server.url },
    })
  } catch (error) {
    throw new Error(`${name} ${args.join(' ')} in ${cwd}:\n${error.stdout}\n${error.stderr}`)
  }
}
