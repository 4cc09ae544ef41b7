import type { Driver } from '../drivers/driver.js'

/** The state of something that uses a client. */
export interface HealthPart {
  /** Whether it does its work now. */
  readonly healthy: boolean
  /** Numbers and words that tell more, such as the depth of a queue. */
  readonly details: Readonly<Record<string, number | boolean | string>>
}

type Checks = Set<readonly [name: string, check: () => HealthPart | Promise<HealthPart>]>

/**
 * Makes `health()` of a client report something that uses it, such as a bus or a queue. `check` may
 * send commands, whose errors make the part unhealthy. Returns a function that removes the part.
 *
 * Parts belong to the driver, which a client shares with the near cache that is made of it.
 */
export function addHealthPart(
  client: { readonly driver: Driver },
  name: string,
  check: () => HealthPart | Promise<HealthPart>,
): () => void {
  const all = parts()
  const own: Checks = all.get(client.driver) ?? new Set()
  all.set(client.driver, own)
  const part = [name, check] as const
  own.add(part)
  return () => own.delete(part)
}

export function healthPartsOf(
  driver: Driver,
): readonly (Checks extends Set<infer C> ? C : never)[] {
  return [...(parts().get(driver) ?? [])]
}

/** Returns the parts of all drivers of this process, for all copies of this package. */
function parts(): WeakMap<Driver, Checks> {
  const shared = globalThis as { [PARTS]?: WeakMap<Driver, Checks> }
  return (shared[PARTS] ??= new WeakMap())
}

const PARTS = Symbol.for('@cache/core/health-parts')
