import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'

const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>
}
const require = createRequire(import.meta.url)

/** What was measured, on what. */
export function circumstancesOf(server: string): Record<string, string> {
  const libraries = Object.keys(own.dependencies).filter(
    (name) => !['@cache/testkit', 'prettier', 'tsx', 'vega', 'vega-lite'].includes(name),
  )
  return {
    node: process.version,
    'Redis server': server,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    ...Object.fromEntries(libraries.map((name) => [name, versionOf(name)])),
  }
}

function versionOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (
        JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string }
      ).version
    } catch {
      /* not in this one */
    }
  }
  return 'unknown'
}
