// Serves the example: pnpm --filter ./apps/browser start
import { fileURLToPath } from 'node:url'
import { context } from 'esbuild'
import { options } from './build.js'

const directory = fileURLToPath(new URL('.', import.meta.url))
const served = await context({ ...options, outdir: directory, write: false })
const { port } = await served.serve({ servedir: directory, host: '127.0.0.1' })
console.log(`http://127.0.0.1:${port}`)
