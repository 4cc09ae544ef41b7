import type { Command, Driver, SendOptions } from '@cache/core'

export interface SlowLogOptions {
  /** A command that takes longer is reported. In ms. */
  readonly slowerThan: number
  readonly report: (command: string, milliseconds: number) => void
}

/** Decorates a driver: reports commands that take long. */
export function slowLogDriver(driver: Driver, { slowerThan, report }: SlowLogOptions): Driver {
  return {
    ...bound(driver),
    send(commands: readonly Command[], options?: SendOptions) {
      const sentAt = performance.now()
      const results = driver.send(commands, options)
      for (const [index, result] of results.entries())
        void result.then(() => {
          const took = performance.now() - sentAt
          if (took > slowerThan) report(commands[index]!.args[0], took)
        })
      return results
    },
  }
}

/** Returns all members of a driver, which may be an instance of a class. */
function bound(driver: Driver): Driver {
  return {
    name: driver.name,
    topology: driver.topology,
    send: (...args) => driver.send(...args),
    group: (keys) => driver.group(keys),
    dedicate: () => driver.dedicate(),
    subscribe: (...args) => driver.subscribe(...args),
    nodes: () => driver.nodes(),
    close: () => driver.close(),
    ...(driver.dedicates !== undefined && { dedicates: driver.dedicates }),
    ...(driver.nodeOf && { nodeOf: (key) => driver.nodeOf!(key) }),
    ...(driver.silentFor && { silentFor: (node) => driver.silentFor!(node) }),
    ...(driver.circuits && { circuits: () => driver.circuits!() }),
    ...(driver.sinceResend && { sinceResend: () => driver.sinceResend!() }),
  }
}
