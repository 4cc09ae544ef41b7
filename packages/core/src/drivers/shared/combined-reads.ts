import { createHash } from 'node:crypto'
import { MAX_KEYS_PER_COMMAND } from '../../client/batch/batched-command.js'
import { ConnectionError, ServerError, type CacheError } from '../../errors.js'
import { lazy } from '../../util/lazy.js'
import type { Command, Reply } from '../command.js'
import type { Settle } from './client-adapter.js'
import { errorOf } from './replies.js'
import readKeysLua from './read-keys.lua'

/** What `CombinedReads.send` needs to know of one write. */
export interface CombinedWrite {
  readonly commands: readonly Command[]
  readonly settle: Settle
  /** Whether somebody still waits for the command at an index. */
  readonly isPending: (index: number) => boolean
  /** Sends a command to the node. Never rejects. */
  readonly sendToNode: (command: Command) => Promise<Reply | CacheError>
  /** Writes the command at an index by itself, to the node that its key is on now. */
  readonly writeAlone: (index: number) => void
}

/**
 * Combines the reads of one write that go to one node of a Cluster. A command may only name keys of
 * one slot, so there would be nearly as many commands as keys, and each costs a client more than
 * its key. Here, one script with the flag `allow-cross-slot-keys` (Redis ≥ 7.0) reads all keys.
 *
 * For each key, the script reads what GET reads, and returns 0 if GET returns an error: a key may
 * have moved, have another type, or be forbidden. Such a key is read again by itself. So are all
 * keys if the server does not know the flag, or does not permit the script; then nothing is
 * combined from then on.
 *
 * Source: https://redis.io/docs/latest/develop/programmability/lua-api/#script-flags
 */
export class CombinedReads {
  #refused = false

  /**
   * Sends the reads among the commands for one node, and settles each. Returns the indexes of the
   * other commands, which the caller sends after them. Only the reads before all others are
   * combined, so that no read overtakes a write.
   */
  send(indexes: readonly number[], write: CombinedWrite): readonly number[] {
    if (this.#refused) return indexes
    const { commands } = write
    const firstOther = indexes.findIndex((index) => !isRead(commands[index]!))
    const reads = firstOther < 0 ? indexes : indexes.slice(0, firstOther)
    const others: number[] = []
    for (const part of partsOf(reads, commands))
      if (part.length < MIN_READS) others.push(...part)
      else void this.#sendPart(part, write)
    return others.concat(indexes.slice(reads.length))
  }

  /** Never rejects. */
  async #sendPart(reads: readonly number[], write: CombinedWrite): Promise<void> {
    const { commands, settle, isPending, sendToNode, writeAlone } = write
    const keys = reads.flatMap((index) => commands[index]!.keys)
    const script = (name: string, hashOrSource: string): Command => ({
      args: [name, hashOrSource, '0', ...keys],
      keys: [],
      binary: true,
    })
    const writeAgain = (index: number): void => {
      if (isPending(index)) writeAlone(index)
    }
    let reply = await sendToNode(script('EVALSHA', sourceSha()))
    if (reply instanceof ServerError && reply.code === 'NOSCRIPT' && reads.some(isPending))
      reply = await sendToNode(script('EVAL', SOURCE))
    if (isReplyOf(reply, keys)) {
      let position = 0
      for (const index of reads) {
        const command = commands[index]!
        const values = reply.slice(position, (position += command.keys.length))
        if (values.includes(UNREADABLE)) writeAgain(index)
        else settle(index, command.args[0] === 'GET' ? values[0]! : values)
      }
      return
    }
    if (reply instanceof ServerError && LASTING.has(reply.code)) this.#refused = true
    for (const index of reads)
      if (reply instanceof ConnectionError) settle(index, errorOf(reply.cause, commands[index]!))
      else writeAgain(index)
  }
}

/** Divides reads into parts of at most MAX_KEYS_PER_COMMAND keys. */
function partsOf(reads: readonly number[], commands: readonly Command[]): number[][] {
  const parts: number[][] = []
  let keyCount = Infinity
  for (const index of reads) {
    keyCount += commands[index]!.keys.length
    if (keyCount > MAX_KEYS_PER_COMMAND) {
      parts.push([])
      keyCount = commands[index]!.keys.length
    }
    parts.at(-1)!.push(index)
  }
  return parts
}

/** Whether a command is a read whose keys are text. */
function isRead({ args: [name, key], keys, binary }: Command): boolean {
  return binary === true && (name === 'GET' || name === 'MGET') && key === keys[0]
}

function isReplyOf(reply: Reply | CacheError, keys: readonly string[]): reply is readonly Reply[] {
  return Array.isArray(reply) && reply.length === keys.length
}

const SOURCE = `#!lua flags=no-writes,allow-cross-slot-keys\n${readKeysLua}`
const sourceSha = /* @__PURE__ */ lazy(() => createHash('sha1').update(SOURCE).digest('hex'))
/** With fewer reads, the script costs the server more than it saves. */
const MIN_READS = 3
/** Stands for the value of a key for which GET returned an error. */
const UNREADABLE = 0
/** Errors of a server that does not know the flag of the script, or does not permit the script. */
const LASTING = new Set(['ERR', 'NOPERM'])
