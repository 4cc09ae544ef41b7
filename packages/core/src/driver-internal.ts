// What the drivers of this project share. It is no public API, and may change in any release. It is
// an entry of its own so that patterns, which import `internal`, do not load it.

export { driverOptions } from './drivers/driver.js'
export type { ClientAdapter, Settle } from './drivers/shared/client-adapter.js'
export { groupBySlot } from './drivers/shared/group.js'
export { createHeartbeat } from './drivers/shared/heartbeat.js'
export { ManagedConnection } from './drivers/shared/managed-connection.js'
export { OpenSubscriptions } from './drivers/shared/open-subscriptions.js'
export {
  hostAndPort,
  primarySlots,
  type HostAndPort,
  type PrimarySlots,
} from './drivers/shared/primaries.js'
export { errorOf, replyOf } from './drivers/shared/replies.js'
export { askRole } from './drivers/shared/role.js'
export { keepSubscribed, type OpenSubscription } from './drivers/shared/subscription-connection.js'
export { subscribeToPrimaries } from './drivers/shared/cluster-subscription.js'
export { closedError, unreachableError } from './drivers/shared/send-errors.js'
