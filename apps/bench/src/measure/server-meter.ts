import { Redis } from 'ioredis-6'

/** What servers have done since they started. */
export interface ServerSample {
  /** The CPU time of the threads that run commands, in microseconds: with reading and replying. */
  readonly cpu: number
  /** The time in scripts, in microseconds. */
  readonly scripts: number
  /** The number of commands, with those inside scripts. */
  readonly commands: number
}

/** Reads how much work servers do, on connections of its own. */
export class ServerMeter implements AsyncDisposable {
  readonly #connections: readonly Redis[]

  constructor(servers: readonly { readonly url: string }[]) {
    this.#connections = servers.map(({ url }) => new Redis(url))
  }

  async sample(): Promise<ServerSample> {
    const samples = await Promise.all(this.#connections.map(sampleOf))
    const sum = (of: (sample: ServerSample) => number) =>
      samples.reduce((total, sample) => total + of(sample), 0)
    return {
      cpu: sum(({ cpu }) => cpu),
      scripts: sum(({ scripts }) => scripts),
      commands: sum(({ commands }) => commands),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.disconnect()
  }
}

/** What one command has cost since the server started. */
export interface CommandCost {
  readonly calls: number
  /** In microseconds. The time of a script contains that of its commands. */
  readonly time: number
}

/** Resolves to the costs of the commands of all servers together, by their names. */
export async function commandsOf(
  servers: readonly { readonly url: string }[],
): Promise<ReadonlyMap<string, CommandCost>> {
  const costs = new Map<string, CommandCost>()
  for (const { url } of servers) {
    const connection = new Redis(url)
    for (const [name, { calls, time }] of commandsIn(await connection.info('commandstats'))) {
      const known = costs.get(name)
      costs.set(name, { calls: calls + (known?.calls ?? 0), time: time + (known?.time ?? 0) })
    }
    connection.disconnect()
  }
  return costs
}

function commandsIn(info: string): readonly (readonly [name: string, cost: CommandCost])[] {
  return [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)]
    .map(([, name, calls, time]) => [name!, { calls: Number(calls), time: Number(time) }] as const)
    .filter(([name]) => name !== 'info')
}

async function sampleOf(connection: Redis): Promise<ServerSample> {
  const info = `${await connection.info('cpu')}${await connection.info('commandstats')}`
  let [scripts, commands] = [0, 0]
  for (const [name, { calls, time }] of commandsIn(info)) {
    commands += calls
    if (/^(eval|fcall)/.test(name)) scripts += time
  }
  const seconds = (mode: string) =>
    Number(new RegExp(`^used_cpu_${mode}_main_thread:([\\d.]+)`, 'm').exec(info)?.[1])
  return { cpu: (seconds('user') + seconds('sys')) * 1e6, scripts, commands }
}

export function difference(after: ServerSample, before: ServerSample): ServerSample {
  return {
    cpu: after.cpu - before.cpu,
    scripts: after.scripts - before.scripts,
    commands: after.commands - before.commands,
  }
}
