import {
  createCacheClient,
  type CacheClient,
  type Driver,
  type ResilienceOptions,
} from '@cache/core'
import { clients, type ClientName } from './clients.js'

/** The two servers of a run: the second can be paused. */
export interface Servers {
  readonly urls: readonly [first: string, second: string]
  /** The process id of the second server. */
  readonly secondPid: number
}

/** For cases without an outage: a pause of a busy machine does not count as one. */
const patient: ResilienceOptions = { readTimeout: '10s', writeTimeout: '10s' }

/** For cases with an outage. */
export const impatient: ResilienceOptions = {
  readTimeout: 300,
  writeTimeout: 300,
  breaker: { cooldown: 100 },
}

/** The first part of all keys. */
const NAMESPACE = 'runtimes'

/** What a case gets: connections to the servers, which are closed after it. */
export class Stage {
  readonly #close: (() => unknown)[] = []

  constructor(
    readonly clientName: ClientName,
    readonly servers: Servers,
  ) {}

  /** Opens a connection to the first or the second server. */
  driver(server: 0 | 1 = 0): Driver {
    const { driver, disconnect } = clients[this.clientName](this.servers.urls[server])
    this.#close.push(disconnect)
    return driver
  }

  /** Creates a cache client on a new connection, as another process would. */
  client(driver = this.driver(), resilience = patient): CacheClient {
    const client = createCacheClient(driver, {
      namespace: NAMESPACE,
      resilience,
      onError: () => undefined,
    })
    this.#close.push(() => client.close())
    return client
  }

  /** Stops the second server with SIGSTOP: it accepts bytes, and is silent. */
  pause(): void {
    process.kill(this.servers.secondPid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.servers.secondPid, 'SIGCONT')
  }

  async close(): Promise<void> {
    this.resume()
    for (const close of this.#close.splice(0).reverse()) await close()
  }
}

/** One main guarantee of a pattern. It rejects if the guarantee does not hold. */
export type Case = (stage: Stage) => Promise<void>
