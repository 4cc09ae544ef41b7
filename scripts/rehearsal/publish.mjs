// Gives the packages of a copy their versions, and publishes them to a registry on this machine.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GIT_IDENTITY } from './copy-tree.mjs'
import { run } from './run.mjs'

/**
 * Runs `changeset version`, and makes the manifests of the copy name the registry `url`. Returns
 * the manifests of the packages that will be published.
 */
export async function setVersions(copy, url) {
  await run(copy, 60, ['pnpm', 'exec', 'changeset', 'version'], publishingEnvironment(copy, url))
  const folders = readdirSync(join(copy, 'packages')).map((name) => join(copy, 'packages', name))
  const manifests = []
  for (const file of folders.map((folder) => join(folder, 'package.json'))) {
    const manifest = JSON.parse(readFileSync(file, 'utf8'))
    if (manifest.private) continue
    manifests.push(manifest)
    // A provenance statement can only be signed by CI.
    const publishConfig = { access: 'public', registry: url }
    writeFileSync(file, JSON.stringify({ ...manifest, publishConfig }, null, 2))
  }
  const versions = [...new Set(manifests.map(({ version }) => version))]
  if (versions.length !== 1) throw new Error(`There are several versions: ${versions.join(', ')}.`)
  if (versions[0] === '0.0.0') throw new Error('No changeset gives the packages a version.')
  return { result: manifests, note: `${manifests.length} packages get ${versions[0]}` }
}

/** Runs `npm run release` in the copy, as CI does. */
export async function publishPackages(copy, url) {
  await run(copy, 1_800, ['node', 'scripts/release.mjs'], publishingEnvironment(copy, url))
}

/** Checks that publishing again changes nothing, so that a release that failed can be repeated. */
export async function publishAgain(copy, url) {
  const command = ['pnpm', 'exec', 'changeset', 'publish']
  const output = await run(copy, 300, command, publishingEnvironment(copy, url))
  if (!/No unpublished projects/.test(output))
    throw new Error(`Publishing again did not find that everything is published:\n${output}`)
  return { note: 'nothing is left to publish' }
}

/**
 * Returns an environment in which npm and pnpm know no registry but `url`, and no token but one for
 * it. Tokens of the user and the identity of CI are not in it.
 */
export function publishingEnvironment(copy, url, env = process.env) {
  const file = join(copy, '..', 'npmrc')
  writeFileSync(file, `registry=${url}\n${url.replace('http:', '')}:_authToken=rehearsal\n`)
  const kept = Object.entries(env).filter(
    ([name]) => !/^npm_config_|^(NPM|NODE_AUTH)_TOKEN$|^ACTIONS_ID_TOKEN/i.test(name),
  )
  return {
    ...Object.fromEntries(kept),
    ...GIT_IDENTITY,
    npm_config_userconfig: file,
    npm_config_globalconfig: `${file}-of-nobody`,
    npm_config_registry: url,
    npm_config_provenance: 'false',
  }
}
