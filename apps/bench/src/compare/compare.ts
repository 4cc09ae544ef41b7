import { startRedis, startRedisCluster } from '@cache/testkit'
import { ServerMeter } from '../measure/server-meter.js'
import type { Spread } from '../measure/statistics.js'
import { selectNamed } from '../select-named.js'
import { BuildError } from './build-process.js'
import { checkOut, root } from './checkout.js'
import { comparisons } from './comparisons.js'
import { exceedsAgain, MAX_GROWTH } from './growth-limit.js'
import { measureGrowth, type Side } from './paired-rounds.js'

/**
 * Compares this build with a commit, prints how much the costs have grown, and returns whether the
 * CPU time of none has grown by more than a fifth.
 */
export async function compare(
  ref: string,
  { only, short }: { readonly only?: string; readonly short: boolean },
): Promise<boolean> {
  const selected = selectNamed(only, comparisons)
  const older = checkOut(ref)
  const newer = { name: 'this build', root }
  await using server = await startRedis()
  await using cluster = await startRedisCluster({ primaries: 3 })
  const sides = [older, newer].map((build, i): Side => {
    const place = { url: `${server.url}/${i}`, cluster: cluster.addresses, prefix: `build ${i}` }
    return { build, place }
  }) as [Side, Side]
  const table: Record<string, Record<string, string>> = {}
  const exceeding: string[] = []
  for (const comparison of selected) {
    const { name, needsCluster } = comparison
    const servers = needsCluster ? cluster.primaries : [server]
    await using meter = new ServerMeter(servers)
    const measure = async () => {
      await Promise.all(servers.map((one) => one.flush()))
      return measureGrowth(comparison, sides, short ? 11 : 41, meter)
    }
    try {
      const { growth, exceeds } = await exceedsAgain(measure)
      if (exceeds) exceeding.push(name)
      table[name] = {
        '': exceeds ? '✗' : '✓',
        'CPU each': percentage(growth.cpu),
        time: percentage(growth.time),
        ...(growth.server && { 'server CPU': percentage(growth.server) }),
      }
      console.log(`${exceeds ? '✗' : '✓'} ${name}: CPU ${percentage(growth.cpu)}`)
    } catch (error) {
      // What only this build can do is new. What it cannot do any more is a failure.
      if (!(error instanceof BuildError) || error.build !== older) throw error
      console.log(`- ${name}: skipped. ${error.message}`)
    }
  }
  console.log(`\n${newer.name} against ${older.name}: the median of pairs of rounds [quartiles]`)
  console.table(table)
  if (exceeding.length > 0)
    console.log(
      `CPU per operation has grown by more than ${MAX_GROWTH * 100} %, ` +
        `measured several times: ${exceeding.join(', ')}.`,
    )
  return exceeding.length === 0
}

function percentage({ low, median, high }: Spread): string {
  const percent = (ratio: number) =>
    `${ratio < 1 ? '−' : '+'}${Math.abs(ratio * 100 - 100).toFixed(0)}`
  return `${percent(median)} % [${percent(low)}, ${percent(high)}]`
}
