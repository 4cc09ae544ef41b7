import { defineScript, type Reply } from '@cache/core'
import { defineBulkChange, defineChange, defineLease, timeLua } from '@cache/core/internal'
import abandonAttemptsLua from './lua/abandon-attempts.lua'
import acquirePartitionLua from './lua/acquire-partition.lua'
import appendLua from './lua/append.lua'
import countFailureLua from './lua/count-failure.lua'
import currentValueLua from './lua/current-value.lua'
import deadLettersLua from './lua/dead-letters.lua'
import discardDeadLetterLua from './lua/discard-dead-letter.lua'
import heartbeatLua from './lua/heartbeat.lua'
import listDeadLettersLua from './lua/list-dead-letters.lua'
import measurePartitionLua from './lua/measure-partition.lua'
import moveToDeadLettersLua from './lua/move-to-dead-letters.lua'
import openSessionLua from './lua/open-session.lua'
import partitionCountLua from './lua/partition-count.lua'
import queueWritesLua from './lua/queue-writes.lua'
import releasePartitionLua from './lua/release-partition.lua'
import removeFlushedLua from './lua/remove-flushed.lua'
import renewOwnershipLua from './lua/renew-ownership.lua'
import replayDeadLetterLua from './lua/replay-dead-letter.lua'
import sessionLua from './lua/session.lua'
import storedSequenceLua from './lua/stored-sequence.lua'
import writeStateLua from './lua/write-state.lua'

const asText = (reply: Reply): string => String(reply)
const isOne = (reply: Reply): boolean => reply === 1
const isLost = (reply: Reply): boolean => reply === 'lost'

// Scripts for all partitions of a queue.

export const partitionCountScript = /* @__PURE__ */ defineScript({
  name: 'write-behind agree',
  lua: partitionCountLua,
  types: ['string'],
  parse: Number,
})
export const heartbeatScript = /* @__PURE__ */ defineScript({
  name: 'write-behind beat',
  functions: timeLua,
  lua: heartbeatLua,
  types: ['zset'],
  parse: (reply) => {
    const pairs = reply as readonly string[]
    return new Map(
      pairs.flatMap((token, i) => (i % 2 === 0 ? [[token, pairs[i + 1]!] as const] : [])),
    )
  },
})

// The script of readers.

/** Requests the lease of an entry. A pending value becomes the entry first. */
export const leaseScript = /* @__PURE__ */ defineLease({
  name: 'write-behind lease',
  currentValue: currentValueLua,
  types: ['hash'],
})

// Scripts of writers.

export const openSessionScript = /* @__PURE__ */ defineScript({
  name: 'write-behind open',
  functions: sessionLua,
  lua: openSessionLua,
  types: ['hash'],
  parse: isOne,
})
export const abandonAttemptsScript = /* @__PURE__ */ defineScript({
  name: 'write-behind abandon',
  functions: sessionLua,
  lua: abandonAttemptsLua,
  types: ['hash'],
  parse: isOne,
})
export const queueWritesScript = /* @__PURE__ */ defineBulkChange({
  name: 'write-behind write',
  beside: 3,
  functions: timeLua + appendLua + sessionLua + storedSequenceLua,
  lua: queueWritesLua,
  types: `
local types = {'stream', 'hash', 'hash'}
for i = 4, 2 + 2 * ARGV[1], 2 do types[i], types[i + 1] = 'any', 'string' end
return types`,
  parse: asText,
})
export const writeStateScript = /* @__PURE__ */ defineScript({
  name: 'write-behind state',
  readOnly: true,
  functions: deadLettersLua + storedSequenceLua,
  lua: writeStateLua,
  types: ['hash', 'stream', 'zset', 'hash', 'hash'],
  parse: (reply) => reply as readonly [sequence: string, state: 'flushed' | 'waiting' | 'dead'],
})
export const measurePartitionScript = /* @__PURE__ */ defineScript({
  name: 'write-behind measure',
  functions: timeLua,
  lua: measurePartitionLua,
  types: ['stream', 'string', 'zset'],
  readOnly: true,
  parse: (reply) =>
    reply as readonly [writes: number, age: number, owned: number, deadLetters: number],
})

// Scripts for the ownership of a partition.

export const acquirePartitionScript = /* @__PURE__ */ defineScript({
  name: 'write-behind acquire',
  functions: timeLua,
  lua: acquirePartitionLua,
  types: ['string', 'string'],
  parse: (reply) => {
    const [fence, owner] = reply as readonly [string, string]
    return { fence: fence === '' ? undefined : fence, owner }
  },
})
export const renewOwnershipScript = /* @__PURE__ */ defineScript({
  name: 'write-behind renew',
  lua: renewOwnershipLua,
  types: ['string'],
  parse: isOne,
})
export const releasePartitionScript = /* @__PURE__ */ defineScript({
  name: 'write-behind leave',
  lua: releasePartitionLua,
  types: ['string'],
  parse: isOne,
})

// Scripts of the owner of a partition.

export const removeFlushedScript = /* @__PURE__ */ defineScript({
  name: 'write-behind settle',
  functions: deadLettersLua + storedSequenceLua,
  lua: removeFlushedLua,
  types: ['string', 'stream', 'hash', 'hash', 'hash', 'hash'],
  parse: isLost,
})
export const countFailureScript = /* @__PURE__ */ defineScript({
  name: 'write-behind fail',
  lua: countFailureLua,
  types: ['string', 'hash', 'string'],
  parse: (reply) => (isLost(reply) ? undefined : Number(reply)),
})
export const moveToDeadLettersScript = /* @__PURE__ */ defineChange({
  name: 'write-behind bury',
  args: 6,
  beside: 7,
  functions: timeLua + deadLettersLua + storedSequenceLua,
  lua: moveToDeadLettersLua,
  types: ['string', 'zset', 'string', 'stream', 'hash', 'hash', 'zset', 'hash', 'hash'],
  typesFirst: true,
  parse: isLost,
})

// Scripts for dead letters.

export const listDeadLettersScript = /* @__PURE__ */ defineScript({
  name: 'write-behind list',
  readOnly: true,
  binary: true,
  functions: deadLettersLua,
  lua: listDeadLettersLua,
  types: ['zset'],
  parse: (reply) => reply as unknown as readonly (readonly Buffer[])[],
})
export const replayDeadLetterScript = /* @__PURE__ */ defineChange({
  name: 'write-behind replay',
  args: 5,
  beside: 7,
  functions: timeLua + appendLua + sessionLua + deadLettersLua + storedSequenceLua,
  lua: replayDeadLetterLua,
  types: ['string', 'zset', 'string', 'zset', 'hash', 'stream', 'hash', 'hash', 'hash'],
  typesFirst: true,
  parse: asText,
})
export const discardDeadLetterScript = /* @__PURE__ */ defineScript({
  name: 'write-behind discard',
  functions: sessionLua + deadLettersLua,
  lua: discardDeadLetterLua,
  types: ['zset', 'hash', 'hash'],
  typesFirst: true,
  parse: asText,
})
