import type { Argument } from '../drivers/command.js'
import type { Script } from '../client/script.js'
import { channels, emit } from '../client/telemetry.js'
import { InvalidOptionError, ServerError } from '../errors.js'
import { createToken } from '../util/token.js'
import { leaseScript } from './define-lease.js'
import { companion, rawKey } from '../client/keys.js'
import { nearValueOf } from './decode-entry.js'
import { allEntryKeys, entryKeys } from './entry-keys.js'
import type { Format } from './format.js'
import type { LostReplies } from './lost-replies.js'
import type { NearChange } from './near.js'
import { ttlArgument, type Write } from './requests.js'
import { expireScript, fillScript, incrementScript, invalidateScript } from './scripts.js'
import { announcementArguments, type StepRunner } from './step-runner.js'
import { isNewer } from './unreadable-entries.js'

/** The steps of an `EntryStore` that change entries at once, without a write of the source. */
export function createChangeSteps(runner: StepRunner, lostReplies: LostReplies) {
  const { writeTimeout } = runner

  /** Deletes entries, except those with a newer version than this. */
  const deleteEntries = async (keys: readonly string[], version?: number): Promise<number> => {
    const all = await allEntryKeys(keys)
    const args = [version === undefined ? '' : String(version)]
    const existed = await runner.changing(keys, (change) =>
      runner.mapEach(all, (each) => runner.runChange(invalidateScript, each, args, change)),
    )
    emit(channels.invalidate, () => ({ keys }))
    return countTrue(existed)
  }

  return {
    async put<T>(key: string, format: Format<T>, value: T, { ttl, meta }: Write): Promise<boolean> {
      // Through a lease of its own instead of a bare SET: a request that is delayed on its way must
      // not overwrite what was written since.
      const token = createToken()
      const payload = format.encode(key, value, meta)
      const leaseAndFill = async (
        change: NearChange | undefined,
      ): Promise<'stored' | 'newer' | 'lost'> => {
        const reply = await runner.run(
          leaseScript,
          entryKeys(key),
          [token, String(writeTimeout), 'all', 'take'],
          writeTimeout,
        )
        if (reply.status !== 'leased') return 'lost'
        const args = [token, payload, ttlArgument(ttl), lostReplies.lateFor()]
        return runner.runChange(fillScript, entryKeys(key), args, change)
      }
      const outcome = await runner
        .changing([key], leaseAndFill, (result) =>
          result === 'stored' ? nearValueOf(key, format, payload, ttl) : undefined,
        )
        .catch((error: unknown) => {
          if (!(error instanceof ServerError)) lostReplies.giveUpLease(key, token)
          throw error
        })
      if (outcome === 'lost') await deleteEntries([key], meta?.version)
      if (outcome === 'newer') await isNewer(runner, key, format)
      return outcome === 'stored'
    },

    invalidate: deleteEntries,

    async expire(keys: readonly string[], staleFor: number): Promise<number> {
      const all = await allEntryKeys(keys)
      return countTrue(
        await runner.changing(keys, (change) =>
          runner.mapEach(all, ([key, lease]) =>
            runner.runChange(expireScript, [key, lease], [String(staleFor)], change),
          ),
        ),
      )
    },

    async increment(key: string, amount: number, ttl = 0): Promise<number> {
      if (!Number.isSafeInteger(amount))
        throw new InvalidOptionError('amount', 'a whole number within ±(2^53 - 1)', amount)
      if (!Number.isSafeInteger(ttl) || ttl < 0)
        throw new InvalidOptionError('ttl', 'a whole number of ms, 0 or more', ttl)
      const args = [String(amount), String(ttl)]
      return runner.changing([key], (change) =>
        runner.runChange(incrementScript, entryKeys(key), args, change),
      )
    },

    async change<R>(
      script: Script<R>,
      keys: readonly string[],
      args: readonly Argument[],
      beside: readonly string[] = [],
    ): Promise<readonly R[]> {
      const all = await allEntryKeys(keys)
      return runner.changing(keys, (change) =>
        runner.mapEach(all, ([key, , intents]) =>
          runner.runChange(script, [key, intents, ...beside], args, change),
        ),
      )
    },

    async changeTogether<R>(
      script: Script<R>,
      keys: readonly string[],
      args: readonly Argument[],
      beside: readonly string[],
    ): Promise<R> {
      const all = [...beside]
      for (const key of keys) all.push(rawKey(key), companion(key, 'lease'))
      return runner.changing(keys, (change) => {
        const announcement = change?.announcement
        const announcing = announcement ? announcementArguments(announcement) : ['', '', '']
        return runner.run(
          script,
          announcement?.log === undefined ? all : [...all, announcement.log],
          [String(keys.length), ...announcing, ...args],
          writeTimeout,
        )
      })
    },
  }
}

function countTrue(values: readonly boolean[]): number {
  return values.reduce((sum, value) => sum + (value ? 1 : 0), 0)
}
