export { glideDriver, type GlideDriverOptions } from './driver.js'
