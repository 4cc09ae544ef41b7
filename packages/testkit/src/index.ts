export * from '@cache/testing'
export { sendAfter } from './send-after.js'
export { burnCpu } from './burn-cpu.js'
export { everythingShown } from './everything-shown.js'
export { hostileValues, plantValue, type HostileValue } from './hostile-values.js'
export { findOrInstallRedis } from './install/find-or-install-redis.js'
export { longestTurn } from './longest-turn.js'
export type { RawClient } from './matrix/client-variants.js'
export type { Ioredis } from './matrix/ioredis.js'
export {
  matrix,
  type DriverFactories,
  type MatrixCase,
  type MatrixOptions,
} from './matrix/matrix.js'
export type { MemoryData } from './matrix/memory-stage.js'
export type { NodeRedis } from './matrix/node-redis.js'
export type { Stage } from './matrix/stage.js'
export type { Topology } from './matrix/deployments.js'
export { childProcess, type ChildProcess } from './processes/child-process.js'
export type { NextOptions, Wanted } from './processes/mailbox.js'
export {
  spawnProcesses,
  type ProcessGroup,
  type SpawnOptions,
  type SpawnedProcess,
} from './processes/spawn-processes.js'
