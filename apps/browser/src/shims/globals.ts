// The globals of Node.js that the packages use. The bundler puts this file before all others.
import { Buffer } from 'buffer'
import { setImmediate } from './immediate.js'

Object.assign(globalThis, {
  Buffer,
  setImmediate,
  process: {
    nextTick: (work: () => void) => queueMicrotask(work),
    emitWarning: (warning: string | Error) => console.warn(warning),
    env: {},
    versions: {},
  },
})
