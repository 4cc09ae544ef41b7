import { chunks } from '../client/batch/batched-command.js'
import { CacheError } from '../errors.js'
import { decodeEntry } from './decode-entry.js'
import type { Entry } from './entry.js'
import type { Format } from './format.js'
import type { NearValue } from './near.js'
import { readScript } from './scripts.js'
import type { StepRunner } from './step-runner.js'

type Read = <T>(
  key: string,
  format: Format<T>,
  alreadyChecked?: 'near',
) => Promise<Entry<T> | undefined>

/** The steps of an `EntryStore` that read entries. */
export function createReadSteps(runner: StepRunner) {
  const { batch, near, readTimeout } = runner

  const readNear = <T>(
    key: string,
    format: Format<T>,
    alreadyChecked: 'near' | undefined,
  ): Entry<T> | undefined => (alreadyChecked === 'near' ? undefined : near?.get(key, format))

  const readFromRedis = async <T>(
    key: string,
    format: Format<T>,
  ): Promise<Entry<T> | undefined> => {
    const question = near?.ask(key)
    let value: NearValue | undefined
    try {
      const stored = await runner.run(readScript, [key], [], readTimeout)
      const entry = stored && (await decodeEntry(key, stored.value, stored.life, format))
      value = entry && { entry, format, life: stored!.life, bytes: stored!.value.length }
      return entry
    } finally {
      question?.answered(value)
    }
  }

  const readWithLife: Read = async (key, format, alreadyChecked) =>
    readNear(key, format, alreadyChecked) ?? readFromRedis(key, format)

  // A near cache needs to know the life of an entry.
  const read: Read = near
    ? readWithLife
    : (key, format) =>
        batch.read(key, readTimeout, (value) =>
          value === null ? undefined : decodeEntry(key, value, undefined, format),
        )

  async function readMany<T>(
    keys: readonly string[],
    format: Format<T>,
    alreadyChecked?: 'near',
  ): Promise<(Entry<T> | CacheError | undefined)[]> {
    if (near)
      return runner.mapEach(
        keys,
        async (key) =>
          readNear(key, format, alreadyChecked) ??
          readFromRedis(key, format).catch(cacheErrorOrThrow),
      )
    const all: (Entry<T> | CacheError | undefined)[] = []
    for (const part of chunks(keys, READ_PER_TURN)) {
      const entries = (await batch.readMany(part, readTimeout)).map((value, i) =>
        value === null
          ? undefined
          : Buffer.isBuffer(value) // `instanceof CacheError` is slow
            ? decodeEntry(part[i]!, value, undefined, format)
            : value,
      )
      all.push(
        ...(entries.some((entry) => entry instanceof Promise)
          ? await Promise.all(entries.map(async (entry) => entry))
          : (entries as Awaited<(typeof entries)[number]>[])),
      )
    }
    return all
  }

  return { read, readMany, readWithLife }
}

function cacheErrorOrThrow(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  throw error
}

/** Keys of one call that are read and decoded before the event loop has a turn. */
const READ_PER_TURN = 2_560
