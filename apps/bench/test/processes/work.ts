// Does the work of a comparison against a Redis, and prints when the measured part begins:
// node work.ts <task> <variant> <operations> <url>
import type { OpenTask } from '../../src/compare/compared-task.js'

const [task, variant, operations, url] = process.argv.slice(2) as [string, string, string, string]
const { open } = (await import(`../../src/compare/tasks/${task}.js`)) as { open: OpenTask }
const work = await open({ url, cluster: [], prefix: 'survivors' }, variant)
await work.round(Number(operations)) // compiles the code
console.log(`\nmeasured after ${performance.now()} ms\n`)
await work.round(Number(operations))
process.exit(0)
