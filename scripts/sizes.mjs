// Checks how much code the built packages add to an application: each by itself, and together as
// people use them. With `--write` it updates the committed numbers in apps/docs/sizes.json, and the
// tables made of them in README.md and apps/docs/sizes.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { bundleSize, inKiB, sizeProblems, withSizes } from './bundle-sizes.mjs'
import { publishedPackages } from './packages.mjs'

const root = resolve(import.meta.dirname, '..')
const write = process.argv.includes('--write')

const CLIENT = `
export { createCacheClient } from '@cache/core'
export { ioredisDriver } from '@cache/core/ioredis'`
const ASIDE = `${CLIENT}
export { createAside } from '@cache/aside'`
const BASE = 'client + ioredis + aside'
const combinations = {
  'client + ioredis': CLIENT,
  [BASE]: ASIDE,
  'client + node-redis + aside': ASIDE.replace('ioredisDriver', 'nodeRedisDriver').replace(
    '/ioredis',
    '/node-redis',
  ),
  'client + ioredis + aside + near cache': `${ASIDE}
export { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'`,
  'client + ioredis + locks': `${CLIENT}
export { createLocks } from '@cache/lock'`,
  'client + ioredis + rate limiter': `${CLIENT}
export { createRateLimiter, slidingWindow } from '@cache/ratelimit'`,
  'client + ioredis + aside + locks + rate limiter': `${ASIDE}
export { createLocks } from '@cache/lock'
export { createRateLimiter, slidingWindow } from '@cache/ratelimit'`,
}
/** Bytes that a package or a combination may never exceed. */
const limits = { '@cache/core': 33.5 * 1_024, [BASE]: 50 * 1_024 }

const manifests = publishedPackages(root).map(({ manifest }) => manifest)
const modules = {
  ...Object.fromEntries(
    manifests
      .filter(({ name }) => name !== '@cache/testing')
      .map(({ name }) => [name, `export * from '${name}'`]),
  ),
  ...combinations,
}
const external = manifests.flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies))

const measured = {}
for (const [name, code] of Object.entries(modules))
  measured[name] = await bundleSize(code, { resolveDir: root, external })

const files = {
  numbers: join(root, 'apps/docs/sizes.json'),
  readme: join(root, 'README.md'),
  page: join(root, 'apps/docs/sizes.md'),
}
if (write) writeFileSync(files.numbers, `${JSON.stringify(measured, null, 2)}\n`)
const committed = JSON.parse(readFileSync(files.numbers, 'utf8'))
const problems = sizeProblems({ committed, measured, limits })
await update(files.readme, withSizes(readFileSync(files.readme, 'utf8'), committed))
await update(files.page, page(committed))
for (const problem of problems) console.error(problem)
if (problems.length > 0) {
  console.error('If that is what you want, run "pnpm sizes --write" and commit the numbers.')
  process.exit(1)
}

/** Writes a file, or reports that it is not what the committed numbers make of it. */
async function update(file, text) {
  const formatted = await format(text, { ...(await resolveConfig(file)), filepath: file })
  if (write) writeFileSync(file, formatted)
  else if (readFileSync(file, 'utf8') !== formatted)
    problems.push(`${file.slice(root.length + 1)} does not show the committed sizes.`)
}

function page(sizes) {
  const rows = Object.keys(combinations).map((name) => `| ${name} | ${inKiB(sizes[name])} |`)
  return `# Sizes

What the packages add to an application, minified and compressed with gzip. The table in the
[README](../../README.md) has each package with everything it exports. This one has what people use
together, of which a bundler leaves out the rest.

| together | min + gzip |
| --- | --- |
${rows.join('\n')}

The numbers contain the scripts for Redis and all dependencies, but not the Redis client and other
peer dependencies. esbuild bundles ES modules for Node.js 20 with \`minify\`.

\`pnpm sizes\` measures the built packages. It fails in CI if a size has changed by more than 3 % or
0.3 KiB, or if ${BASE} needs more than ${inKiB(limits[BASE])}
or \`@cache/core\` more than ${inKiB(limits['@cache/core'])}. \`pnpm sizes
--write\` updates the numbers in \`sizes.json\` and the tables.
`
}
