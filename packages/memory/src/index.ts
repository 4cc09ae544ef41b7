export { memoryDriver, type MemoryDriver, type MemoryDriverOptions } from './memory-driver.js'
export { MemoryServer, type Faults } from './server/server.js'
