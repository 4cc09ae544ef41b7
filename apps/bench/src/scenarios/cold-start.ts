import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, precise } from '../measure/statistics.js'
import type { Scenario } from './scenario.js'

const script = fileURLToPath(new URL('cold-start-import.mjs', import.meta.url))

/** What a process imports, and the client that it has to import as well. */
const imports = [
  { name: 'ioredis', client: 'ioredis', modules: ['ioredis-6'] },
  { name: 'node-redis', client: 'node-redis', modules: ['redis'] },
  {
    name: '@cache/core, ioredis driver, @cache/aside',
    client: 'ioredis',
    modules: ['@cache/core', '@cache/core/ioredis', '@cache/aside'],
  },
  {
    name: '@cache/core, node-redis driver, @cache/aside',
    client: 'node-redis',
    modules: ['@cache/core', '@cache/core/node-redis', '@cache/aside'],
  },
]

export const coldStart: Scenario = {
  name: 'cold start',
  about: 'The time to import a pattern with its driver in a new process, against the client.',
  async run(scale) {
    const rounds = scale === 'full' ? 21 : 1
    const took = new Map(imports.map(({ name }) => [name, [] as number[]]))
    for (let round = -1; round < rounds; round++)
      for (const { name, modules } of imports) {
        const { stdout } = await promisify(execFile)(process.execPath, [script, ...modules])
        if (round >= 0) took.get(name)!.push(Number(stdout))
      }
    const shown = 'times the import of the client'
    const rows = imports.map(({ name, client }) => {
      const own = took.get(name)!
      return {
        name,
        ms: precise(median(own)),
        [shown]: precise(median(own.map((ms, i) => ms / took.get(client)![i]!))),
      }
    })
    return { shown, better: 'less', rows }
  },
}
