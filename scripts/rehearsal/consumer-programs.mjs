// Programs that a project runs to see whether installed packages work as ESM and as CommonJS.

/** Returns a program that prints the names of what each module exports, as JSON. */
export function exportsProgram(entries, format) {
  return program(
    format,
    `
const names = {}
for (const [entry, load] of [
${entries.map((entry) => `  ['${entry}', async () => ${load(entry, format)}],`).join('\n')}
])
  names[entry] = Object.keys(await load())
    .filter((name) => !['default', 'module.exports', '__esModule'].includes(name))
    .sort()
console.log(JSON.stringify(names))`,
  )
}

/** Returns a program that loads a value once, reads it from Redis, and invalidates it. */
export function roundTripProgram(scope, library, format) {
  const [driver, entry] =
    library === 'redis' ? ['nodeRedisDriver', 'node-redis'] : ['ioredisDriver', 'ioredis']
  return program(
    format,
    `
const { createCacheClient } = ${load(`${scope}/core`, format)}
const { ${driver} } = ${load(`${scope}/core/${entry}`, format)}
const { createAside } = ${load(`${scope}/aside`, format)}
const { ${library === 'redis' ? 'createClient' : 'Redis'} } = ${load(library, format)}
const redis = ${
      library === 'redis'
        ? 'createClient({ url: process.env.REDIS_URL })'
        : 'new Redis(process.env.REDIS_URL)'
    }
const client = createCacheClient(${driver}(redis), { namespace: '${library}-${format}' })
const things = createAside({ client, prefix: 'thing', ttl: '1m' })
let loads = 0
const read = () => things.getOrLoad(1, () => ({ loads: ++loads }))
await read()
if ((await read()).loads !== 1) throw new Error('The second read did not find the value.')
await things.invalidate(1)
if ((await read()).loads !== 2) throw new Error('The read after the invalidation was stale.')
await client.close()
redis.${library === 'redis' ? 'destroy' : 'disconnect'}()`,
  )
}

/** Returns an expression that loads a module. */
export function load(name, format) {
  return format === 'cjs' ? `require('${name}')` : `await import('${name}')`
}

/** Returns a program of the format, from code that may use `await`. */
export function program(format, code) {
  if (format === 'mjs') return `${code}\n`
  return `const main = async () => {${code}\n}
main().catch((error) => {
  console.error(error)
  process.exit(1)
})\n`
}
