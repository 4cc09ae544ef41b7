import clockLua from './clock.lua'
import { FENCE_MEMORY, PLACE_TTL, RECEIPT_TTL } from './backend.js'

/**
 * What all scripts begin with: the times that are the same for all calls, and the server's clock.
 */
export const clock = `local PLACE_TTL, RECEIPT_TTL, FENCE_MEMORY = ${PLACE_TTL}, ${RECEIPT_TTL}, ${FENCE_MEMORY}\n${clockLua}`
