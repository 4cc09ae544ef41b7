// Installs each published package from its tarball into an empty project with one of the two
// clients. Uses it there as ESM, as CommonJS, and from TypeScript with all module resolutions.
// Checks that the other client is neither needed nor loaded, and that LICENSE, README and source
// maps are in the tarball.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileProblems } from './published-files.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const scratch = mkdtempSync(join(tmpdir(), 'cache-tarballs-'))
const manifest = (folder) =>
  JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
const published = readdirSync(join(root, 'packages')).filter((folder) => !manifest(folder).private)
const subpaths = published.flatMap((folder) =>
  Object.keys(manifest(folder).exports)
    .filter((path) => !['.', './package.json'].includes(path))
    .map((path) => manifest(folder).name + path.slice(1)),
)
const { startRedis } = await import(join(root, 'packages/testkit/dist/index.js'))

const clients = {
  ioredis: {
    driver: 'ioredisDriver',
    subpath: '@cache/core/ioredis',
    connect: (load) => `const { Redis } = ${load('ioredis')}
const raw = new Redis(process.env.REDIS_URL)
const end = () => raw.disconnect()`,
    typescript: `import { Redis } from 'ioredis'
export const client = createCacheClient(ioredisDriver(new Redis()))`,
    other: 'redis',
  },
  redis: {
    driver: 'nodeRedisDriver',
    subpath: '@cache/core/node-redis',
    connect: (load) => `const { createClient } = ${load('redis')}
const raw = createClient({ url: process.env.REDIS_URL })
const end = () => raw.destroy()`,
    typescript: `import { createClient } from 'redis'
export const client = createCacheClient(nodeRedisDriver(createClient()))`,
    other: 'ioredis',
  },
}

const server = await startRedis()
try {
  const tarballs = Object.fromEntries(
    published.map((folder) => [manifest(folder).name, pack(folder)]),
  )
  for (const [client, snippets] of Object.entries(clients)) check(client, snippets, tarballs)
  console.log(
    `${published.length} packages, ${Object.keys(clients).length} clients: ` +
      'installed, imported, required, type-checked and run',
  )
} finally {
  await server.stop()
  rmSync(scratch, { recursive: true, force: true })
}

function pack(folder) {
  const output = execFileSync('pnpm', ['pack', '--json', '--pack-destination', scratch], {
    cwd: join(root, 'packages', folder),
    encoding: 'utf8',
  })
  return JSON.parse(output.slice(output.indexOf('{'))).filename
}

function check(client, snippets, tarballs) {
  const project = join(scratch, `with-${client}`)
  mkdirSync(project)
  const version = manifest('core').devDependencies[client]
  const devDependencies = { typescript: '~5.9.0', '@types/node': '^20.0.0' }
  const overrides = Object.fromEntries(
    Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`]),
  )
  write(
    project,
    'package.json',
    JSON.stringify({
      name: 'consumer',
      private: true,
      dependencies: { ...overrides, [client]: version },
      overrides,
      devDependencies,
    }),
  )
  run(project, 'npm', [
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel',
    'error',
  ])
  for (const name of Object.keys(tarballs)) {
    const problems = fileProblems(join(project, 'node_modules', name))
    if (problems.length > 0) throw new Error(`${name}:\n${problems.join('\n')}`)
  }

  const esm = program(client, snippets, (name) => `await import('${name}')`, 'import.meta.url')
  write(project, 'use.mjs', esm)
  const commonJs = program(client, snippets, (name) => `require('${name}')`, '__filename')
  write(
    project,
    'use.cjs',
    `const fail = (error) => { console.error(error); process.exit(1) }
(async () => {${commonJs}})().catch(fail)`,
  )
  for (const file of ['use.mjs', 'use.cjs']) run(project, 'node', [file])

  const names = Object.keys(tarballs)
  write(
    project,
    'use.ts',
    `${names.map((name, i) => `import * as all${i} from '${name}'`).join('\n')}
import { createCacheClient } from '@cache/core'
import { ${snippets.driver} } from '${snippets.subpath}'
${snippets.typescript}
export const everything = [${names.map((_, i) => `all${i}`).join(', ')}]\n`,
  )
  // The frameworks of the adapters are not installed, so this skips the check of libraries. It
  // still checks that every subpath resolves.
  write(
    project,
    'subpaths.ts',
    `${subpaths.map((name, i) => `import * as sub${i} from '${name}'`).join('\n')}
export const everything = [${subpaths.map((_, i) => `sub${i}`).join(', ')}]\n`,
  )
  for (const [module, moduleResolution] of [
    ['commonjs', 'node10'],
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['preserve', 'bundler'],
  ]) {
    const tsc = [
      'tsc',
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
      '--module',
      module,
      '--moduleResolution',
      moduleResolution,
    ]
    run(project, 'npx', [...tsc, '--skipLibCheck', String(client === 'redis'), 'use.ts'])
    run(project, 'npx', [...tsc, '--skipLibCheck', 'subpaths.ts'])
  }
}

/** Returns a program that uses core and aside against a real Redis, and checks what was loaded. */
function program(client, snippets, load, here) {
  return `
const { createRequire } = ${load('node:module')}
const { createCacheClient } = ${load('@cache/core')}
const loaded = () => Object.keys(createRequire(${here}).cache ?? {}).join('\\n')
if (/node_modules[\\\\/](ioredis|redis|@redis)[\\\\/]/.test(loaded()))
  throw new Error('@cache/core alone has loaded a client')
${published.map((folder) => `${load(manifest(folder).name)}`).join('\n')}
const { ${snippets.driver} } = ${load(snippets.subpath)}
${snippets.connect(load)}
const { createAside } = ${load('@cache/aside')}
const client = createCacheClient(${snippets.driver}(raw), { namespace: 'tarball' })
const things = createAside({ client, prefix: 'thing', ttl: '1m' })
const thing = await things.getOrLoad(1, () => ({ id: 1 }))
if (thing.id !== 1 || (await things.invalidate(1)) !== 1) throw new Error('it does not work')
if (/node_modules[\\\\/]${snippets.other}[\\\\/]/.test(loaded()))
  throw new Error('${snippets.other} was loaded')
try {
  createRequire(${here}).resolve('${snippets.other}')
  throw new Error('${snippets.other} is installed')
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error
}
await client.close()
end()
`
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
