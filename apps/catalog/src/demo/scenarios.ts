import { limits } from './scenarios/limits.js'
import { locks } from './scenarios/locks.js'
import { near } from './scenarios/near.js'
import { outage } from './scenarios/outage.js'
import { profiles } from './scenarios/profiles.js'
import type { Scenario } from './scenarios/scenario.js'
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
