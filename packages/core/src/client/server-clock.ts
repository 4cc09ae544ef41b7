import { defineScript } from './script.js'
import serverTimeLua from './server-time.lua'
import { timeLua } from './time.js'

/** A reading of a server's clock, and when it was made by this process' monotonic clock. */
export interface ClockReading {
  /** The server's time, in µs. */
  readonly time: number
  /** When the clock was asked for, in ms of this process. */
  readonly asked: number
  /** When the answer arrived, in ms of this process. */
  readonly answered: number
}

/** Returns the time of the server that owns a key, in µs. */
export const serverTimeScript = /* @__PURE__ */ defineScript({
  name: 'server time',
  functions: timeLua,
  lua: serverTimeLua,
  readOnly: true,
  parse: Number,
})
