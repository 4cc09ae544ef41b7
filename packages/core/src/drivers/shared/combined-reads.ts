import { createHash } from 'node:crypto'
import { slot } from '../../client/keys.js'
import { ConnectionError, ServerError, type CacheError } from '../../errors.js'
import { groupBy } from '../../util/group-by.js'
import { lazy } from '../../util/lazy.js'
import { UNREAD, type Command, type Reply } from '../command.js'
import type { CommandResult } from '../driver.js'
import { groupBySlot } from './group.js'
import { errorOf } from './replies.js'
import readKeysLua from './read-keys.lua'

/**
 * Combines the reads of keys that are on one node of a Cluster. A command may only name keys of one
 * slot, so there would be nearly as many commands as keys, and each costs a client more than its
 * key. Here, one script with the flag `allow-cross-slot-keys` (Redis ≥ 7.0) reads all keys.
 *
 * For each key, the script reads what GET reads, and returns `UNREAD` if GET returns an error: a
 * key may have moved, have another type, or be forbidden. So are all keys if the server does not
 * know the flag, or does not permit the script; then nothing is combined from then on.
 *
 * Source: https://redis.io/docs/latest/develop/programmability/lua-api/#script-flags
 */
export class CombinedReads {
  #refused = false

  /** See `Driver.groupReads`. `nodeOf` returns the node that a key is on, if it is known. */
  group(keys: readonly string[], nodeOf: (key: string) => unknown): readonly (readonly string[])[] {
    if (this.#refused) return groupBySlot(keys)
    return [...groupBy(keys, nodeOf)].flatMap(([node, ofNode]) =>
      node === undefined || ofNode.length < MIN_READS ? groupBySlot(ofNode) : [ofNode],
    )
  }

  /**
   * Executes an MGET with keys of several slots. `send` sends a command to the node of the first
   * key, and never rejects. It is `undefined` if the node is not connected.
   */
  async read(
    { keys, ...command }: Command,
    isPending: () => boolean,
    send: ((command: Command) => Promise<CommandResult>) | undefined,
  ): Promise<CommandResult> {
    const unread = keys.map(() => UNREAD)
    if (!send) return unread
    const script = (name: string, hashOrSource: string): Command => ({
      args: [name, hashOrSource, '0', ...keys],
      keys: [],
      binary: command.binary === true,
    })
    let reply = await send(script('EVALSHA', sourceSha()))
    if (reply instanceof ServerError && reply.code === 'NOSCRIPT' && isPending())
      reply = await send(script('EVAL', SOURCE))
    if (isReplyOf(reply, keys)) return reply
    if (reply instanceof ConnectionError) return errorOf(reply.cause, { keys, ...command })
    if (reply instanceof ServerError && LASTING.has(reply.code)) this.#refused = true
    return unread
  }
}

/** Whether a command is an MGET that the server itself would refuse. */
export function isCombined({ partial, keys }: Command): boolean {
  if (partial !== true) return false
  const first = slot(keys[0]!)
  return keys.some((key) => slot(key) !== first)
}

function isReplyOf(reply: Reply | CacheError, keys: readonly string[]): boolean {
  return Array.isArray(reply) && reply.length === keys.length
}

const SOURCE = `#!lua flags=no-writes,allow-cross-slot-keys\n${readKeysLua}`
const sourceSha = /* @__PURE__ */ lazy(() => createHash('sha1').update(SOURCE).digest('hex'))
/** With fewer reads, the script costs the server more than it saves. */
const MIN_READS = 3
/** Errors of a server that does not know the flag of the script, or does not permit the script. */
const LASTING = new Set(['ERR', 'NOPERM'])
