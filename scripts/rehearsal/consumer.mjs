// A project that installs the packages from a registry, as a user does.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeBlocks, importedPackages } from '../code-blocks.mjs'
import { entriesOf, frameworksOf } from '../packages.mjs'
import { exportsProgram, roundTripProgram } from './consumer-programs.mjs'

/** What the programs of the project need beside the packages and what the READMEs import. */
const TOOLS = ['ioredis', 'redis', 'tsx', 'typescript', '@types/node']
const STRICT = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  skipLibCheck: true, // The frameworks that the adapters are made for are not all installed.
}
const TYPE_CHECKS = {
  'tsconfig.nodenext.json': { ...STRICT, module: 'nodenext' },
  'tsconfig.bundler.json': { ...STRICT, module: 'preserve', moduleResolution: 'bundler' },
}

/**
 * Creates the project: a file for each code block of the READMEs, and programs that import
 * everything. `manifests` are those of the published packages. `versions` are the ranges of all
 * other packages. Returns what can be run and checked once `npm install` has run.
 */
export function createConsumer(folder, { manifests, versions, registry, readmes }) {
  const scope = scopeOf(manifests[0].name)
  const blocks = readmes.flatMap(({ path, text }) => codeBlocks(text, path))
  const entries = manifests.flatMap(entriesOf)
  const imported = blocks.flatMap(({ code }) => importedPackages(code))
  const others = [...TOOLS, ...imported.filter((name) => scopeOf(name) !== scope)]

  mkdirSync(folder, { recursive: true })
  const write = (name, text) => writeFileSync(join(folder, name), text)
  // All other packages come from the registry that npm is configured with.
  write('.npmrc', `${scope}:registry=${registry}\n`)
  const manifest = {
    name: 'consumer',
    private: true,
    type: 'module',
    dependencies: {
      ...frameworksOf(manifests),
      ...Object.fromEntries(manifests.map(({ name, version }) => [name, version])),
    },
    devDependencies: withTypes([...new Set(others)], versions),
  }
  write('package.json', JSON.stringify(manifest, null, 2))
  const programs = []
  for (const format of ['mjs', 'cjs']) {
    write(`exports.${format}`, exportsProgram(entries, format))
    for (const library of ['ioredis', 'redis']) {
      programs.push(`${library}.${format}`)
      write(`${library}.${format}`, roundTripProgram(scope, library, format))
    }
  }
  const imports = entries.map((entry, i) => `import * as entry${i} from '${entry}'`)
  const used = entries.map((_, i) => `entry${i}`).join(', ')
  write('entries.ts', `${imports.join('\n')}\nexport const all = [${used}]\n`)
  for (const { name, code } of blocks) write(`${name}.ts`, code)
  for (const [name, compilerOptions] of Object.entries(TYPE_CHECKS))
    write(name, JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  return { blocks, entries, programs, typeChecks: Object.keys(TYPE_CHECKS) }
}

/** Returns the ranges of packages, and of their types if they are separate. */
function withTypes(names, versions) {
  return Object.fromEntries(
    names.flatMap((name) => {
      const types = `@types/${name}`
      if (versions[name] === undefined)
        throw new Error(`A README imports ${name}. Add it to the root's devDependencies.`)
      return [[name, versions[name]], ...(versions[types] ? [[types, versions[types]]] : [])]
    }),
  )
}

function scopeOf(name) {
  return name.split('/')[0]
}
