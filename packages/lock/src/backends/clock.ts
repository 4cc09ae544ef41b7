import clockLua from './clock.lua'
import { FENCE_TTL, QUEUE_TTL, TOMBSTONE_TTL, WAITER_TTL } from './timing.js'

/**
 * The beginning of every script: the constants in ms, and the server's clock. A constant that goes
 * to Redis is a text, because Redis formats numbers slowly.
 */
export const clock = [
  `local WAITER_TTL, QUEUE_TTL = ${WAITER_TTL}, '${QUEUE_TTL}'`,
  `local TOMBSTONE_TTL, FENCE_TTL = '${TOMBSTONE_TTL}', '${FENCE_TTL}'`,
  clockLua,
].join('\n')
