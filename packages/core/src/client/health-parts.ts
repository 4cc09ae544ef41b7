import type { Driver } from '../drivers/driver.js'
import { OwnedItems } from './owned-items.js'

/** The state of something that uses a client. */
export interface HealthPart {
  /** Whether it does its work now. */
  readonly healthy: boolean
  /** Numbers and words that tell more, such as the depth of a queue. */
  readonly details: Readonly<Record<string, number | boolean | string>>
}

interface NamedCheck {
  readonly name: string
  readonly check: (owner: object) => HealthPart | Promise<HealthPart>
}

/**
 * Makes `health()` of a client report something that uses it, such as a bus or a queue. `check` may
 * send commands, whose errors make the part unhealthy. Returns a function that removes the part.
 *
 * Parts belong to the driver, which a client shares with the near cache that is made of it. A part
 * whose owner nobody uses any more is forgotten, under the same condition as a gauge (`addGauge`):
 * declare `check` outside of the function that creates the owner.
 */
export function addHealthPart<Owner extends object>(
  client: { readonly driver: Driver },
  name: string,
  owner: Owner,
  check: (owner: Owner) => HealthPart | Promise<HealthPart>,
): () => void {
  const all = parts()
  const own = all.get(client.driver) ?? new OwnedItems<NamedCheck>()
  all.set(client.driver, own)
  return own.add(owner, { name, check: (current) => check(current as Owner) })
}

/** Returns the parts of a driver, with their owners. */
export function healthPartsOf(driver: Driver): ReturnType<OwnedItems<NamedCheck>['all']> {
  return parts().get(driver)?.all() ?? []
}

/** Returns the parts of all drivers of this process, for all copies of this package. */
function parts(): WeakMap<Driver, OwnedItems<NamedCheck>> {
  const shared = globalThis as { [PARTS]?: WeakMap<Driver, OwnedItems<NamedCheck>> }
  return (shared[PARTS] ??= new WeakMap())
}

const PARTS = Symbol.for('@cache/core/health-parts')
