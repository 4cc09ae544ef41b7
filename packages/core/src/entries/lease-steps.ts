import { ServerError } from '../errors.js'
import { decodeEntry, nearValueOf } from './decode-entry.js'
import { entryKeys } from './entry-keys.js'
import type { Format } from './format.js'
import { mayHaveRun, type LostReplies } from './lost-replies.js'
import type { NearValue } from './near.js'
import { ttlArgument, type Lease, type LeaseRequest, type Write } from './requests.js'
import { leaseScript, type LeaseReply } from './define-lease.js'
import { fillScript, releaseScript, renewScript } from './scripts.js'
import type { StepRunner } from './step-runner.js'
import { discardUnreadable } from './unreadable-entries.js'

/** The steps of an `EntryStore` that load an entry under a lease. */
export function createLeaseSteps(runner: StepRunner, lostReplies: LostReplies) {
  const { near, readTimeout } = runner

  const requestLease = (
    key: string,
    { token, ttl, take = false, extension }: LeaseRequest,
    staleBelow: number | 'all',
  ): Promise<LeaseReply> => {
    const keys = entryKeys(key)
    const args = [token, String(ttl), String(staleBelow), take ? 'take' : 'wait']
    if (!extension) return runner.run(leaseScript, keys, args, readTimeout)
    const { script, keys: ownKeys = [], args: ownArgs = [] } = extension
    return runner.run(script, [...keys, ...ownKeys], [...args, ...ownArgs], readTimeout)
  }

  return {
    async lease<T>(key: string, format: Format<T>, request: LeaseRequest): Promise<Lease<T>> {
      const { token } = request
      const question = near?.ask(key)
      let value: NearValue | undefined
      try {
        let reply = await requestLease(key, request, request.staleBelow ?? -1)
        let entry =
          reply.stored && (await decodeEntry(key, reply.stored.value, reply.stored.life, format))
        if (reply.stored && !entry) await discardUnreadable(runner, key, reply.stored.value)
        if (reply.status === 'hit') {
          if (entry) {
            value = { entry, format, life: reply.stored!.life, bytes: reply.stored!.value.length }
            return { status: 'hit', entry }
          }
          // There is an entry, but it can't be decoded. Treat it as a miss.
          reply = await requestLease(key, request, 'all')
          entry = undefined
        }
        if (reply.status === 'wait') return { status: 'wait', entry, remaining: reply.remaining }
        return { status: reply.status as 'leased' | 'bypass' | 'skip', entry }
      } catch (error) {
        if (mayHaveRun(error)) lostReplies.giveUpLease(key, token)
        throw error
      } finally {
        question?.answered(value)
      }
    },

    async fill<T>(
      key: string,
      format: Format<T>,
      token: string,
      value: T,
      { ttl, meta, replaces = false }: Write,
    ): Promise<boolean> {
      const payload = format.encode(key, value, meta)
      const args = [token, payload, ttlArgument(ttl), lostReplies.lateFor()]
      if (replaces) {
        const outcome = await runner.changing(
          [key],
          (change) => runner.runChange(fillScript, entryKeys(key), args, change),
          (result) => (result === 'stored' ? nearValueOf(key, format, payload, ttl) : undefined),
        )
        return outcome === 'stored'
      }
      const question = near?.ask(key)
      let nearValue: NearValue | undefined
      try {
        const outcome = await runner.run(fillScript, entryKeys(key), args, readTimeout)
        const stored = outcome === 'stored'
        if (stored && near) nearValue = await nearValueOf(key, format, payload, ttl)
        return stored
      } finally {
        question?.answered(nearValue)
      }
    },

    renew(key: string, token: string, ttl: number, yields = false): Promise<boolean> {
      const args = [token, String(ttl), yields ? 'yield' : '']
      return runner.run(renewScript, entryKeys(key), args, readTimeout)
    },

    async release(key: string, token: string, skipFor = 0): Promise<boolean> {
      try {
        const args = [token, String(skipFor), lostReplies.lateFor()]
        return await runner.run(releaseScript, entryKeys(key), args, readTimeout)
      } catch (error) {
        if (!(error instanceof ServerError)) lostReplies.giveUpLease(key, token)
        throw error
      }
    },
  }
}
