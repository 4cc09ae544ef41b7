import type { Reply } from '../drivers/command.js'
import { timeLua } from '../client/time.js'
import { defineScript, type KeyType, type Script } from '../client/script.js'
import intentsLua from './intents.lua'
import leaseLua from './lease.lua'
import { KEY_TYPES, toStored, type Stored } from './stored.js'

/** The reply of a script that requests a lease. */
export interface LeaseReply {
  readonly status: 'hit' | 'bypass' | 'skip' | 'wait' | 'leased'
  readonly stored: Stored | undefined
  /** Ms until the current lease ends. */
  readonly remaining: number
}

export interface LeaseDefinition {
  readonly name: string
  /**
   * The body of a Lua function that returns the current value, or `false` if there is none, and
   * maybe the ms that it has left to live (default: the remaining life of the entry).
   *
   * - `KEYS[1]` is the entry, and `KEYS[4]` and the following are `LeaseExtension.keys`.
   * - `ARGV[5]` and the following are `LeaseExtension.args`.
   *
   * It does not run if none of the keys exists.
   */
  readonly currentValue: string
  /** Local Lua functions that the body uses. */
  readonly functions?: string
  /** The types of the pattern's own keys. */
  readonly types?: readonly KeyType[]
}

/**
 * Defines a script for `LeaseRequest.extension`: a request for a lease in which a pattern decides
 * which value is current. It can reject the value of the entry, or prefer another one.
 *
 * @example
 * // An entry whose value a pattern has rejected is no value.
 * const lease = defineLease({
 *   name: 'lease unless rejected',
 *   currentValue: "local value = redis.call('GET', KEYS[1]) return value ~= ARGV[5] and value",
 * })
 * const extension = { script: lease, args: ['x'] }
 * await client.entries.lease(key, format, { token, ttl, extension })
 */
export function defineLease({
  name,
  currentValue,
  functions = '',
  types = [],
}: LeaseDefinition): Script<LeaseReply> {
  return defineScript({
    name,
    functions: `${timeLua}${intentsLua}\n${functions}
local function currentValue(KEYS, ARGV)
${currentValue}
end`,
    lua: leaseLua,
    types: [...KEY_TYPES, ...types],
    binary: true,
    parse: parseLease,
  })
}

/** Requests the lease of an entry whose value counts as it is. */
export const leaseScript = /* @__PURE__ */ defineLease({
  name: 'entry lease',
  currentValue: "return redis.call('GET', KEYS[1])",
})

function parseLease(reply: Reply): LeaseReply {
  if (reply === 1) return { status: 'leased', stored: undefined, remaining: 0 }
  const [status, value, life, remaining] = reply as readonly Reply[]
  return {
    status: String(status) as LeaseReply['status'],
    stored: value === null ? undefined : toStored(value!, life!),
    remaining: remaining as number,
  }
}
