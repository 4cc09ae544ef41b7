// Checks the metadata of the published packages: links, keywords, LICENSE, and that all of them get
// the same version in a release. With `--write` it derives them from the package.json of the root.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { metadataProblems, withFixedVersions, withMetadata } from './package-metadata.mjs'

const write = process.argv.includes('--write')
const repository = resolve(import.meta.dirname, '..')
const CHANGESETS = '.changeset/config.json'
const root = readJson('package.json')
const rootLicense = readFileSync(join(repository, 'LICENSE'), 'utf8')
const published = readdirSync(join(repository, 'packages')).filter(
  (folder) => !readJson(`packages/${folder}/package.json`).private,
)

if (write) await writeMetadata()
const problems = [...published.flatMap(problemsOf), ...problemsOfChangesets()]
for (const problem of problems) console.error(problem)
if (problems.length > 0) {
  console.error('"pnpm metadata" writes what follows from the package.json of the root.')
  process.exit(1)
}

async function writeMetadata() {
  for (const folder of published) {
    const path = `packages/${folder}/package.json`
    await writeJson(path, withMetadata(readJson(path), root, folder))
    writeFileSync(join(repository, 'packages', folder, 'LICENSE'), rootLicense)
  }
  await writeJson(CHANGESETS, withFixedVersions(readJson(CHANGESETS), names()))
}

function problemsOf(folder) {
  const path = join(repository, 'packages', folder, 'LICENSE')
  return metadataProblems({
    manifest: readJson(`packages/${folder}/package.json`),
    root,
    folder,
    license: existsSync(path) ? readFileSync(path, 'utf8') : undefined,
    rootLicense,
  }).map((problem) => `packages/${folder}: ${problem}`)
}

function problemsOfChangesets() {
  const config = readJson(CHANGESETS)
  const expected = withFixedVersions(config, names())
  const isRight = JSON.stringify(config.fixed) === JSON.stringify(expected.fixed)
  return isRight ? [] : [`${CHANGESETS}: \`fixed\` must name all published packages.`]
}

function names() {
  return published.map((folder) => readJson(`packages/${folder}/package.json`).name)
}

function readJson(path) {
  return JSON.parse(readFileSync(join(repository, path), 'utf8'))
}

async function writeJson(path, value) {
  const file = join(repository, path)
  const options = { ...(await resolveConfig(file)), filepath: file }
  writeFileSync(file, await format(JSON.stringify(value, null, 2), options))
}
