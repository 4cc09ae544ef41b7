import { slot, type Driver } from '@cache/core'

/**
 * Decorates the driver of one address behind which there is a Cluster, such as a proxy: commands
 * that go together have keys of one slot.
 */
export function oneAddressDriver(driver: Driver): Driver {
  return {
    name: driver.name,
    topology: 'cluster',
    send: (...args) => driver.send(...args),
    group(keys) {
      const bySlot = new Map<number, string[]>()
      for (const key of keys) bySlot.set(slot(key), [...(bySlot.get(slot(key)) ?? []), key])
      return [...bySlot.values()]
    },
    dedicate: () => driver.dedicate(),
    subscribe: (...args) => driver.subscribe(...args),
    nodes: () => driver.nodes(),
    close: () => driver.close(),
    ...(driver.silentFor && { silentFor: () => driver.silentFor!('') }),
    ...(driver.sinceResend && { sinceResend: () => driver.sinceResend!() }),
  }
}
