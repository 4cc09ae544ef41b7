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

async function sampleOf(connection: Redis): Promise<ServerSample> {
  const info = `${await connection.info('cpu')}${await connection.info('commandstats')}`
  let [scripts, commands] = [0, 0]
  for (const [, name, calls, usec] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)) {
    if (name === 'info') continue
    commands += Number(calls)
    if (/^(eval|fcall)/.test(name!)) scripts += Number(usec)
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
