import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { eventually, matrix, type RedisServer, type Stage, type Topology } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../src/drivers/node-redis/driver.js'
import {
  createCacheClient,
  type CacheClient,
  type ClientOptions,
  type Driver,
} from '../src/index.js'
import { createToken } from '../src/internal.js'

const cases = matrix<Driver>(
  {
    ioredis: (raw) => ioredisDriver(raw),
    'node-redis': (raw) => nodeRedisDriver(raw),
  },
  { every: true },
)

/** Deadlines that a machine busy with other tests does not miss. */
export const PATIENT: ClientOptions = { resilience: { readTimeout: '20s', writeTimeout: '20s' } }

export interface Bench {
  readonly topology: Topology
  readonly servers: readonly RedisServer[]
  /** A client on a connection of its own, closed when the suite has ended. */
  newClient(options?: ClientOptions): CacheClient
  /** What clients send from now on. */
  watch(): Promise<Watch>
}

/**
 * Runs a suite on both clients, standalone and on a Cluster; servers are emptied before each test.
 */
export function onEach(suite: (bench: () => Bench) => void): void {
  describe.each(cases)('on $name', ({ start, topology }) => {
    let stage: Stage<Driver>
    const opened: { close(): unknown }[] = []
    const bench = (): Bench => {
      const servers = stage.cluster?.primaries ?? [stage.server!]
      return {
        topology,
        servers,
        newClient(options) {
          const client = createCacheClient(stage.driver(), { ...PATIENT, ...options })
          opened.push(client)
          return client
        },
        async watch() {
          const watched = await watch(servers)
          opened.push(watched)
          return watched
        },
      }
    }
    beforeAll(async () => {
      stage = await start()
    })
    beforeEach(() => stage.flush())
    afterAll(async () => {
      await Promise.all(opened.map((one) => one.close()))
      await stage.stop()
    })
    suite(bench)
  })
}

export interface Watch {
  /**
   * The commands that came from clients since the last look, not those that scripts called: name,
   * arguments.
   */
  commands(...names: string[]): Promise<readonly (readonly string[])[]>
  close(): void
}

/** Looks at what arrives at servers, with MONITOR; strings as Redis quotes them. */
export async function watch(servers: readonly RedisServer[]): Promise<Watch> {
  const seen: string[][] = []
  const sockets = await Promise.all(
    servers.map(async ({ host, port }) => {
      const socket = connect({ host, port }).setNoDelay()
      const lines = createInterface(socket)
      const listening = once(lines, 'line')
      lines.on('line', (line) => {
        if (!line.includes(' lua] "'))
          seen.push([...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, argument]) => argument!))
      })
      socket.write('MONITOR\r\n')
      await listening
      return socket
    }),
  )
  return {
    async commands(...names) {
      const marks = servers.map(() => createToken())
      await Promise.all(servers.map((server, i) => server.cli('ECHO', marks[i]!)))
      await eventually(() => marks.every((mark) => seen.some(([, what]) => what === mark)))
      return seen
        .splice(0)
        .filter(([name]) => name !== undefined && names.includes(name.toUpperCase()))
    },
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
