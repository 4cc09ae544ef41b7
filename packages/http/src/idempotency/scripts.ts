import { defineScript, type Reply } from '@cache/core'
import claimLua from './lua/claim.lua'
import completeLua from './lua/complete.lua'
import releaseLua from './lua/release.lua'
import renewLua from './lua/renew.lua'

/** The answer to a claim. */
export type Claim =
  /** The handler may run. The number of runs of this key so far, with this one. */
  | { readonly status: 'started'; readonly attempt: number }
  /** Another run goes on, at least for this many milliseconds. */
  | { readonly status: 'running'; readonly ttl: number }
  | { readonly status: 'done'; readonly response: Buffer }
  /** The key was used for another request. */
  | { readonly status: 'mismatch' }
  /** The last run ended without a result. */
  | { readonly status: 'unknown' }
  /** The run was given up before it was claimed. */
  | { readonly status: 'left' }

const types = ['hash', 'string'] as const

export const claimScript = /* @__PURE__ */ defineScript<Claim>({
  name: 'idempotency claim',
  lua: claimLua,
  types,
  typesFirst: true,
  binary: true,
  parse(reply) {
    const [status, value] = reply as [Buffer, Reply]
    switch (String(status)) {
      case 'started':
        return { status: 'started', attempt: Number(value) }
      case 'running':
        return { status: 'running', ttl: Number(value) }
      case 'done':
        return { status: 'done', response: value as Buffer }
      case 'mismatch':
        return { status: 'mismatch' }
      case 'unknown':
        return { status: 'unknown' }
      default:
        return { status: 'left' }
    }
  },
})

export const completeScript = /* @__PURE__ */ defineScript({
  name: 'idempotency complete',
  lua: completeLua,
  types,
  typesFirst: true,
  parse: isOne,
})

export const releaseScript = /* @__PURE__ */ defineScript({
  name: 'idempotency release',
  lua: releaseLua,
  types,
  typesFirst: true,
  parse: isOne,
})

export const renewScript = /* @__PURE__ */ defineScript({
  name: 'idempotency renew',
  lua: renewLua,
  types,
  typesFirst: true,
  parse: isOne,
})

function isOne(reply: Reply): boolean {
  return reply === 1
}
