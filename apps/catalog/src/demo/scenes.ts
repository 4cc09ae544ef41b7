import { limits } from './scenes/limits.js'
import { locks } from './scenes/locks.js'
import { near } from './scenes/near.js'
import { outage } from './scenes/outage.js'
import type { Scene } from './scenes/outcome.js'
import { profiles } from './scenes/profiles.js'
import { stampede } from './scenes/stampede.js'
import { traffic } from './scenes/traffic.js'
import { visits } from './scenes/visits.js'
import { writes } from './scenes/writes.js'

export const scenes: readonly Scene[] = [
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
