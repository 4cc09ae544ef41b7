import { decodeEntry, nearValueOf } from './decode-entry.js'
import type { Entry } from './entry.js'
import { allEntryKeys, entryKeys, type EntryKeys } from './entry-keys.js'
import type { Format } from './format.js'
import { mayHaveRun, type LostReplies } from './lost-replies.js'
import type { NearChange } from './near.js'
import { ttlArgument, type Write } from './requests.js'
import { beginWriteScript, commitWriteScript } from './scripts.js'
import type { StepRunner } from './step-runner.js'
import { isNewer } from './unreadable-entries.js'

/** The steps of an `EntryStore` that enclose a write of the source: begin and commit. */
export function createSourceWriteSteps(runner: StepRunner, lostReplies: LostReplies) {
  /** Begins a write of each key with `step`. If one fails, ends those that may have begun. */
  const begin = async <R>(
    keys: readonly string[],
    token: string,
    step: (each: EntryKeys, change: NearChange | undefined) => Promise<R>,
  ): Promise<R[]> => {
    const all = await allEntryKeys(keys)
    return runner.changing(keys, async (change) => {
      const results = await runner.mapEach(all, (each) => settled(step(each, change)))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed === undefined)
        return results.map((result) => (result as PromiseFulfilledResult<R>).value)
      const open = all.filter((_, i) => {
        const result = results[i]!
        return result.status === 'fulfilled' || mayHaveRun(result.reason)
      })
      if (open.length > 0) lostReplies.giveUpWrites(open, token)
      throw failed.reason
    })
  }

  return {
    async beginWrite(keys: readonly string[], token: string, intentTtl: number): Promise<void> {
      const args = [token, String(intentTtl), '']
      await begin(keys, token, (each, change) =>
        runner.runChange(beginWriteScript, each, args, change),
      )
    },

    async beginUpdate<T>(
      key: string,
      format: Format<T>,
      token: string,
      intentTtl: number,
    ): Promise<Entry<T> | undefined> {
      const args = [token, String(intentTtl), 'read']
      const [stored] = await begin([key], token, (each, change) =>
        runner.runChange(beginWriteScript, each, args, change),
      )
      return stored && decodeEntry(key, stored, undefined, format)
    },

    async commitWrite<T>(
      key: string,
      token: string,
      write?: Write & { readonly format: Format<T>; readonly value: T },
    ): Promise<'stored' | 'kept' | 'deleted'> {
      const payload = write && write.format.encode(key, write.value, write.meta)
      const valueArgs = write ? ['value', payload!, ttlArgument(write.ttl)] : ['none', '', '0']
      const args = [token, ...valueArgs, lostReplies.lateFor()]
      const keys = entryKeys(key)
      try {
        const outcome = await runner.changing(
          [key],
          (change) => runner.runChange(commitWriteScript, keys, args, change),
          (result) =>
            result === 'stored' ? nearValueOf(key, write!.format, payload!, write!.ttl) : undefined,
        )
        if (outcome === 'kept' && !(await isNewer(runner, key, write!.format))) return 'deleted'
        return outcome
      } catch (error) {
        lostReplies.giveUpWrites([keys], token)
        throw error
      }
    },
  }
}

async function settled<R>(promise: Promise<R>): Promise<PromiseSettledResult<R>> {
  const [result] = await Promise.allSettled([promise])
  return result
}
