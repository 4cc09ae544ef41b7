export { glideDriver, type GlideLibrary } from './driver.js'
export type { DriverOptions } from '@cache/core/internal'
