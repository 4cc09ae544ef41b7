// Checks the metadata of the published packages: links, keywords, LICENSE, and that all of them get
// the same version in a release. With `--write` it derives them from the package.json of the root.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { metadataProblems, withFixedVersions, withMetadata } from './package-metadata.mjs'
import { publishedPackages } from './packages.mjs'

const write = process.argv.includes('--write')
const repository = resolve(import.meta.dirname, '..')
const CHANGESETS = '.changeset/config.json'
const root = readJson('package.json')
const rootLicense = readFileSync(join(repository, 'LICENSE'), 'utf8')
const names = publishedPackages(repository).map(({ manifest }) => manifest.name)

if (write) await writeMetadata()
const problems = [...publishedPackages(repository).flatMap(problemsOf), ...problemsOfChangesets()]
for (const problem of problems) console.error(problem)
if (problems.length > 0) {
  console.error('"pnpm metadata" writes what follows from the package.json of the root.')
  process.exit(1)
}

async function writeMetadata() {
  for (const { path, manifest } of publishedPackages(repository)) {
    await writeJson(`${path}/package.json`, withMetadata(manifest, root, basename(path)))
    writeFileSync(join(repository, path, 'LICENSE'), rootLicense)
  }
  await writeJson(CHANGESETS, withFixedVersions(readJson(CHANGESETS), names))
}

function problemsOf({ path, manifest }) {
  const license = join(repository, path, 'LICENSE')
  return metadataProblems({
    manifest,
    root,
    folder: basename(path),
    license: existsSync(license) ? readFileSync(license, 'utf8') : undefined,
    rootLicense,
  }).map((problem) => `${path}: ${problem}`)
}

function problemsOfChangesets() {
  const config = readJson(CHANGESETS)
  const expected = withFixedVersions(config, names)
  const isRight = JSON.stringify(config.fixed) === JSON.stringify(expected.fixed)
  return isRight ? [] : [`${CHANGESETS}: \`fixed\` must name all published packages.`]
}

function readJson(path) {
  return JSON.parse(readFileSync(join(repository, path), 'utf8'))
}

async function writeJson(path, value) {
  const file = join(repository, path)
  const options = { ...(await resolveConfig(file)), filepath: file }
  writeFileSync(file, await format(JSON.stringify(value, null, 2), options))
}
