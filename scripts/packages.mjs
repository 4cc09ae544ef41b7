// The packages of the repository, as paths from its root: `packages/aside`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Returns the folders below `packages` and `apps` that have a package.json. */
export function packagesOf(root) {
  return ['packages', 'apps']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => existsSync(join(root, path, 'package.json')))
}

/** Returns whether the package has a suite of vitest. */
export function hasSuite(root, path) {
  return existsSync(join(root, path, 'vitest.config.ts'))
}
