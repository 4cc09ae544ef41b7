import { caches } from './cases/caches.js'
import { drivers } from './cases/drivers.js'
import { http } from './cases/http.js'
import { keyv } from './cases/keyv.js'
import { limiters } from './cases/limits.js'
import { locks } from './cases/locks.js'
import { near } from './cases/near.js'
import { nextjs } from './cases/nextjs.js'
import { outage } from './cases/outage.js'
import { telemetry } from './cases/telemetry.js'
import { values } from './cases/values.js'
import { writeBehind } from './cases/write-behind.js'
import type { Case } from './stage.js'

/** The main guarantee of every pattern and integration, by its name. */
export const cases: Readonly<Record<string, Case>> = {
  ...caches,
  ...writeBehind,
  ...locks,
  ...limiters,
  ...near,
  ...drivers,
  ...values,
  ...telemetry,
  ...http,
  ...keyv,
  ...nextjs,
  ...outage,
}
