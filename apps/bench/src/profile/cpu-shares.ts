import type { Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'

/** Shares of the CPU time of this process, by name. */
export type Shares = ReadonlyMap<string, number>

/** Where the CPU time of this process went. */
export interface CpuShares {
  /** By package, with what the engine and Node.js do themselves. */
  readonly packages: Shares
  /** Of the functions of this project. */
  readonly functions: Shares
}

/** Runs work and samples where the CPU time of this process goes. */
export async function cpuSharesOf(work: () => Promise<unknown>): Promise<CpuShares> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL })
  await session.post('Profiler.start')
  await work()
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  return sharesOf(profile)
}

export function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): CpuShares {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const packages = new Map<string, number>()
  const functions = new Map<string, number>()
  let total = 0
  for (const [i, id] of samples.entries()) {
    const { functionName, url } = frames.get(id)!
    if (functionName === '(idle)' || isProfiler(functionName, url)) continue
    const time = timeDeltas[i]!
    const name = packageOf(functionName, url)
    total += time
    packages.set(name, (packages.get(name) ?? 0) + time)
    if (!name.startsWith('@cache/')) continue
    const own = `${name} ${functionName || '(anonymous)'}`
    functions.set(own, (functions.get(own) ?? 0) + time)
  }
  const shares = (times: ReadonlyMap<string, number>): Shares =>
    new Map(
      [...times].sort(([, a], [, b]) => b - a).map(([name, time]) => [name, time / total] as const),
    )
  return { packages: shares(packages), functions: shares(functions) }
}

/** The inspector takes time to start and to stop. */
function isProfiler(functionName: string, url: string): boolean {
  return url === '' && functionName === 'dispatch'
}

function packageOf(functionName: string, url: string): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'native code'
  if (url === '') return `engine: ${functionName}`
  if (url.startsWith('node:')) return 'Node.js'
  const dependency = /node_modules\/(?:\.pnpm\/[^/]+\/node_modules\/)?((?:@[^/]+\/)?[^/]+)/.exec(
    url,
  )
  const own = /\/packages\/([^/]+)\//.exec(url)
  return dependency?.[1] ?? (own ? `@cache/${own[1]!}` : 'benchmark')
}

/** In microseconds. */
const SAMPLING_INTERVAL = 200
