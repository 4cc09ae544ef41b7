import type { Stage } from './stage.js'

/** Data in this process, and the drivers that share it. */
export interface MemoryData<D> {
  /** Creates the object under test, as another process would see the data. */
  driver(): D
  /** Deletes all keys. */
  flush(): void
}

/** The stage of the case in memory: it has no servers, and no client libraries. */
export function memoryStage<D>(data: MemoryData<D>): Stage<D> {
  const stop = async (): Promise<void> => undefined
  return {
    driver: () => data.driver(),
    raw: async () => noServers(),
    server: undefined,
    cluster: undefined,
    sentinel: undefined,
    get primaries() {
      return noServers()
    },
    version: 'memory',
    flush: async () => data.flush(),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function noServers(): never {
  throw new Error('There are no servers in memory. Pass { memory: false } if a suite needs them.')
}
