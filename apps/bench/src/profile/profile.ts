import { startRedis, startRedisCluster } from '@cache/testkit'
import type { OpenTask } from '../compare/compared-task.js'
import { comparisons, type Comparison } from '../compare/comparisons.js'
import { commandsOf, type CommandCost } from '../measure/server-meter.js'
import { selectNamed } from '../select-named.js'
import { cpuSharesOf, type Shares } from './cpu-shares.js'

/** Prints where the CPU time goes in the work of `--compare`: in this process, and in Redis. */
export async function profile(only: string | undefined, short: boolean): Promise<void> {
  await using server = await startRedis()
  await using cluster = await startRedisCluster({ primaries: 3 })
  for (const comparison of selectNamed(only, comparisons)) {
    const servers = comparison.needsCluster ? cluster.primaries : [server]
    await Promise.all(servers.map((one) => one.flush()))
    const place = { url: server.url, cluster: cluster.addresses, prefix: 'profile' }
    const file = new URL(`../compare/tasks/${comparison.task}.ts`, import.meta.url).href
    const { open } = (await import(file)) as { open: OpenTask }
    const task = await open(place, comparison.variant)
    const operations = short ? Math.ceil(comparison.operations / 20) : 5 * comparison.operations
    await task.beforeRound?.(operations / 5)
    await task.round(operations / 5) // compiles the code
    await task.beforeRound?.(operations)
    const before = await commandsOf(servers)
    const { packages, functions } = await cpuSharesOf(() => task.round(operations))
    print(comparison, packages, functions, costsOf(await commandsOf(servers), before, operations))
  }
}

/** What commands cost Redis for each operation. */
function costsOf(
  after: ReadonlyMap<string, CommandCost>,
  before: ReadonlyMap<string, CommandCost>,
  operations: number,
): readonly (CommandCost & { readonly name: string })[] {
  return [...after]
    .map(([name, { calls, time }]) => ({
      name,
      calls: (calls - (before.get(name)?.calls ?? 0)) / operations,
      time: (time - (before.get(name)?.time ?? 0)) / operations,
    }))
    .filter(({ calls }) => calls >= MIN_CALLS)
    .sort((a, b) => b.time - a.time)
}

function print(
  { name }: Comparison,
  packages: Shares,
  functions: Shares,
  commands: readonly (CommandCost & { readonly name: string })[],
): void {
  console.log(`\n${name}: shares of the CPU time of the process`)
  console.table(toTable(packages))
  console.log('of these, functions of this project')
  console.table(toTable(functions))
  console.log('commands of Redis for each operation; the time of a script contains that of its own')
  console.table(
    Object.fromEntries(
      commands.map(({ name: command, calls, time }) => [
        command,
        { calls: Number(calls.toFixed(2)), µs: Number(time.toFixed(2)) },
      ]),
    ),
  )
}

function toTable(shares: Shares): Record<string, { readonly '%': number }> {
  return Object.fromEntries(
    [...shares]
      .filter(([, share]) => share >= MIN_SHARE)
      .map(([name, share]) => [name, { '%': Number((100 * share).toFixed(1)) }]),
  )
}

/** Smaller shares are left out. */
const MIN_SHARE = 0.01
/** Commands that are called less often in an operation are left out. */
const MIN_CALLS = 0.01
