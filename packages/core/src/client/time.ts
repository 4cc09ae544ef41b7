import timeSource from './time.lua'

/**
 * Lua functions for scripts: `microseconds()` and `milliseconds()` since 1970, by the clock of the
 * server.
 */
export const timeLua: string = timeSource
