// The packages of the repository, as paths from its root: `packages/aside`.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Returns the folders below `packages` and `apps` that have a package.json. */
export function packagesOf(root) {
  return ['packages', 'apps']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => existsSync(join(root, path, 'package.json')))
}

/** Returns the packages that a release publishes, as `{ path, manifest }`. */
export function publishedPackages(root) {
  return packagesOf(root)
    .map((path) => ({
      path,
      manifest: JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')),
    }))
    .filter(({ manifest }) => !manifest.private)
}

/**
 * Returns the packages whose types are checked: those that need no more than their tsconfig.json,
 * and the others, which generate files or have a compiler of their own.
 */
export function typedPackages(root) {
  const typed = packagesOf(root)
    .map((path) => ({
      path,
      command: JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).scripts
        ?.typecheck,
    }))
    .filter(({ command }) => command !== undefined)
  const select = (plain) =>
    typed.filter(({ command }) => (command === PLAIN_CHECK) === plain).map(({ path }) => path)
  return { plain: select(true), others: select(false) }
}

const PLAIN_CHECK = 'tsc -p tsconfig.json'

/** Returns the command that packs the packages into a folder, in which each is a `tarballName`. */
export function packCommand(published, folder) {
  const filters = published.flatMap(({ path }) => ['--filter', `./${path}`])
  return ['pnpm', '--recursive', ...filters, 'pack', '--pack-destination', folder]
}

export function tarballName({ name, version }) {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
}

/** Returns the modules of a package that can be imported: `@cache/core`, `@cache/core/ioredis`. */
export function entriesOf({ name, exports }) {
  return Object.entries(exports)
    .filter(([, target]) => typeof target !== 'string')
    .map(([path]) => name + path.slice(1))
}

/**
 * Returns the peers that an entry of these packages loads, with their ranges: NestJS. All versions
 * of Node.js and TypeScript can require its version 11 from CommonJS.
 */
export function frameworksOf(manifests) {
  return manifests.some(({ peerDependencies = {} }) => '@nestjs/common' in peerDependencies)
    ? {
        '@nestjs/common': '^11.0.0',
        '@nestjs/core': '^11.0.0',
        'reflect-metadata': '^0.2.2',
        rxjs: '^7.8.1',
      }
    : {}
}

/** Returns whether the package has a suite of vitest. */
export function hasSuite(root, path) {
  return existsSync(join(root, path, 'vitest.config.ts'))
}

/** Returns the number of test files of a package, which says roughly how long its suite takes. */
export function testFiles(root, path) {
  const files = readdirSync(join(root, path, 'test'), { recursive: true })
  return files.filter((file) => file.endsWith('.test.ts')).length
}
