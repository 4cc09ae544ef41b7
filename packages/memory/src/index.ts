export { memoryDriver, type MemoryDriver, type MemoryDriverOptions } from './memory-driver.js'
export { MemoryServer, type Faults, type MemoryServerOptions } from './server/server.js'
