import { parseArgs } from 'node:util'
import { compare } from './compare/compare.js'
import { profile } from './profile/profile.js'
import { publish } from './publish/publish.js'
import { run } from './run.js'
import { scenariosNamed } from './scenarios/named.js'

// `pnpm bench [--only hit,miss] [--short] [--out folder]`
// `pnpm bench --compare ref [--only "near hit,miss on ioredis"] [--short]`
// `pnpm bench --profile [--only "miss on ioredis"] [--short]`
// `pnpm bench --publish [--out folder]`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    out: { type: 'string', default: 'results' },
    compare: { type: 'string' },
    profile: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
})
try {
  if (options.publish) await publish(options.out)
  else if (options.profile) await profile(options.only, options.short)
  else if (options.compare === undefined)
    await run(scenariosNamed(options.only), options.short ? 'short' : 'full', options.out)
  else if (!(await compare(options.compare, options))) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
process.exit() // Some libraries keep their connections open.
