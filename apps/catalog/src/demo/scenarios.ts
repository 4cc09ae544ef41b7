import { limits } from './scenarios/limits.js'
import { locks } from './scenarios/locks.js'
import { near } from './scenarios/near.js'
import { outage } from './scenarios/outage.js'
import { profiles } from './scenarios/profiles.js'
import type { CatalogScenario, Scenario } from './scenarios/scenario.js'
import { stampede } from './scenarios/stampede.js'
import { traffic } from './scenarios/traffic.js'
import { visits } from './scenarios/visits.js'
import { writes } from './scenarios/writes.js'

export const scenarios: readonly Scenario[] = [
  traffic,
  stampede,
  writes,
  near,
  profiles,
  visits,
  locks,
  limits,
  outage,
]

/** The scenarios that need only the catalogs. */
export const scenariosInMemory: readonly CatalogScenario[] = [
  traffic,
  stampede,
  writes,
  near,
  limits,
]

export const NOT_SHOWN_IN_MEMORY = [
  'write-through and write-behind while processes are killed: nothing is shared between processes',
  'a lock whose holder is killed: the contenders are processes',
  'an outage: there is no Redis to stop and to kill',
]
