// Computes the jobs that run the suites in CI: `node scripts/ci-matrix.mjs [--chaos]` writes
// `suites=<JSON>`, the `include` of a matrix. With `--chaos`, each package has one job.
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasSuite, packagesOf, testFiles } from './packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Here, each package has a job of its own, whose name says what has failed. */
const byPackage = { node: 24, server: 'redis:8' }
/** Here, the packages share some jobs. */
const grouped = [
  { node: 20, server: 'redis:6.2' },
  { node: 22, server: 'redis:7' },
  { node: 20, server: 'valkey/valkey:8' },
]
const GROUPS = 4

/** Returns the jobs. Every package with a suite is in exactly one job of each environment. */
export function suiteJobs({ chaos = false } = {}) {
  const packages = packagesOf(root).filter((path) => hasSuite(root, path))
  const single = packages.map((path) => job(basename(path), byPackage, [path]))
  if (chaos) return single
  const groups = inGroups(packages, GROUPS)
  const shared = grouped.flatMap((environment) =>
    groups.map((paths, i) => job(`part ${i + 1} of ${GROUPS}`, environment, paths)),
  )
  return [...single, ...shared]
}

function job(name, { node, server }, paths) {
  const names = paths.map((path) => basename(path))
  return {
    name: `${name} (Node ${node}, ${server})`,
    node,
    server,
    packages: names.join(','),
    runtimes: names.includes('runtimes'),
  }
}

/** Divides the packages so that all groups have about as many test files. */
function inGroups(packages, count) {
  const groups = Array.from({ length: count }, () => ({ weight: 0, paths: [] }))
  const weighted = packages.map((path) => ({ path, weight: testFiles(root, path) }))
  for (const { path, weight } of weighted.sort((a, b) => b.weight - a.weight)) {
    const lightest = groups.reduce((least, group) => (group.weight < least.weight ? group : least))
    lightest.weight += weight
    lightest.paths.push(path)
  }
  return groups.map(({ paths }) => paths)
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(`suites=${JSON.stringify(suiteJobs({ chaos: process.argv.includes('--chaos') }))}`)
