// Gives the packages of a copy their versions, and publishes them to a registry on this machine.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { publishedPackages } from '../packages.mjs'
import { GIT_IDENTITY } from './copy-tree.mjs'
import { run } from './run.mjs'

/**
 * Runs `changeset version`, and makes the manifests of the copy name the registry `url`. Returns
 * the manifests of the packages that will be published.
 */
export async function setVersions(copy, url) {
  await run(copy, 60, ['pnpm', 'exec', 'changeset', 'version'], publishingEnvironment(copy, url))
  const published = publishedPackages(copy)
  for (const { path, manifest } of published) {
    // A provenance statement can only be signed by CI.
    const publishConfig = { access: 'public', registry: url }
    const text = JSON.stringify({ ...manifest, publishConfig }, null, 2)
    writeFileSync(join(copy, path, 'package.json'), text)
  }
  const manifests = published.map(({ manifest }) => manifest)
  const versions = [...new Set(manifests.map(({ version }) => version))]
  if (versions.length !== 1) throw new Error(`There are several versions: ${versions.join(', ')}.`)
  if (versions[0] === '0.0.0') throw new Error('No changeset gives the packages a version.')
  return { result: manifests, note: `${manifests.length} packages get ${versions[0]}` }
}

/** Runs `npm run release` in the copy, as CI does. */
export async function publishPackages(copy, url) {
  await run(copy, 1_800, ['node', 'scripts/release.mjs'], publishingEnvironment(copy, url))
}

/**
 * Checks that a release that failed halfway can be repeated. Removes one package and its tag, and
 * publishes again: that package and no other is published. After that, nothing is left to publish.
 */
export async function publishMissing(copy, url, { name, version }) {
  const env = publishingEnvironment(copy, url)
  const release = `${name}@${version}`
  await run(copy, 60, ['npm', 'unpublish', '--force', release], env)
  await run(copy, 60, ['git', 'tag', '--delete', release], env)

  const command = ['pnpm', 'exec', 'changeset', 'publish']
  const output = stripVTControlCharacters(await run(copy, 300, command, env))
  const published = [...output.matchAll(/(\S+) is being published because/g)]
  if (published.map(([, other]) => other).join() !== name)
    throw new Error(`Publishing again did not publish ${name} alone:\n${output}`)
  await run(copy, 60, ['git', 'rev-parse', '--verify', `refs/tags/${release}`], env)
  const rest = await run(copy, 300, command, env)
  if (!/No unpublished projects/.test(rest))
    throw new Error(`A third run did not find that everything is published:\n${rest}`)
  return { note: `${name}, which was removed, and nothing else` }
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
