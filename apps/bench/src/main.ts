import { parseArgs } from 'node:util'
import { run } from './run.js'
import { scenariosNamed } from './scenarios/named.js'

// `pnpm bench [--only hit,miss] [--short] [--out folder]`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    out: { type: 'string', default: 'results' },
  },
})
await run(scenariosNamed(options.only), options.short ? 'short' : 'full', options.out)
process.exit(0) // Some libraries keep their connections open.
