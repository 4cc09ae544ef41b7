import type { CacheClient } from '../client/client.js'
import { epochKey } from '../client/keys.js'
import type { Codec } from '../codecs/codec.js'
import type { Entry } from '../entries/entry.js'
import { UsageError } from '../errors.js'
import { createFormat } from '../entries/format.js'
import type { Lease, LeaseRequest } from '../entries/requests.js'
import { ensureEpochScript, leaseUnlessStampScript } from '../entries/stamp-scripts.js'
import type { EntryStore } from '../entries/store.js'
import { createToken } from '../util/token.js'
import type { EntryAccess } from './access.js'
import type { LoadPolicy, StoreOptions } from './policy.js'
import { reportError } from './report-error.js'

/**
 * The epoch of a cache with the option `clearable`: a key that all its entries depend on. An entry
 * has the epoch from before its load as its stamp, and is valid as long as the cache has the same
 * epoch. `clear` deletes the epoch; the next load makes another one, which the cache never had.
 */
export class Epoch {
  readonly #entries: EntryStore
  readonly #key: string
  readonly #ensureArgs: readonly string[]

  constructor({ entries, namespace }: CacheClient, prefix: string, policy: LoadPolicy<any>) {
    this.#entries = entries
    this.#key = epochKey(namespace, prefix)
    this.#ensureArgs = [createToken(), String(Math.max(30 * DAY, 2 * policy.maxLife))]
  }

  /** Returns the epoch that the near cache has. */
  near(): string | undefined {
    return this.#entries.near?.get(this.#key, format)?.value
  }

  /** Reads the epoch from Redis. The command is queued in this tick. */
  async read(): Promise<string | undefined> {
    return (await this.#entries.read(this.#key, format, 'near'))?.value
  }

  /** Returns the epoch for values that are loaded from now on. */
  ensure(): Promise<string> {
    return this.#entries.run(ensureEpochScript, [this.#key], this.#ensureArgs)
  }

  /** Returns whether the step succeeded and the cache still had this epoch when it was sent. */
  async stillIs(epoch: string | undefined, step: Promise<boolean>): Promise<boolean> {
    const reading = this.read().catch(() => undefined)
    return (await step) && epoch !== undefined && (await reading) === epoch
  }

  /** Makes all entries invalid. Rejects if Redis does not answer. */
  async clear(): Promise<void> {
    await this.#entries.invalidate([this.#key])
  }
}

/** The access to one entry, within one call, of a cache that has an epoch. */
export class EpochAccess<T> implements EntryAccess<T> {
  readonly #plain: EntryAccess<T>
  readonly #epoch: Epoch
  /** The stamp of an entry that this call found invalid. */
  #outdated: Buffer | undefined
  #epochAtLoadStart: string | undefined

  constructor(plain: EntryAccess<T>, epoch: Epoch) {
    this.#plain = plain
    this.#epoch = epoch
  }

  near(key: string): Entry<T> | undefined {
    const entry = this.#plain.near?.(key)
    return entry && hasEpoch(entry, this.#epoch.near()) ? entry : undefined
  }

  async read(key: string, withLife?: boolean): Promise<Entry<T> | undefined> {
    const [entry, epoch] = await Promise.all([this.#plain.read(key, withLife), this.#epoch.read()])
    return entry && this.#isValid(entry, epoch) ? entry : undefined
  }

  async lease(key: string, request: LeaseRequest): Promise<Lease<T>> {
    for (;;) {
      const extension = this.#outdated && {
        script: leaseUnlessStampScript,
        args: [this.#outdated],
      }
      const leasing = this.#plain.lease(key, { ...request, extension })
      const ensuring = this.#epoch.ensure()
      ensuring.catch(() => undefined)
      const lease = await leasing
      const epoch = await ensuring.catch((error: unknown) => {
        if (lease.status === 'leased')
          this.#plain
            .release(key, request.token, 0)
            .catch((cause: unknown) => reportError('release', key, cause))
        throw error
      })
      if (lease.status === 'leased') this.#epochAtLoadStart = epoch
      if (!lease.entry || this.#isValid(lease.entry, epoch)) return lease
      if (lease.status !== 'hit') return { ...lease, entry: undefined }
    }
  }

  fill(key: string, token: string, value: T, storing: StoreOptions): Promise<boolean> {
    const epoch = this.#epochAtLoadStart
    const filling = this.#plain.fill(key, token, value, withEpoch(storing, epoch!))
    return this.#epoch.stillIs(epoch, filling)
  }

  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean> {
    return this.#plain.renew(key, token, ttl, yields)
  }

  /** Resolves to `false` also if the cache was cleared: the load may have begun before that. */
  release(key: string, token: string, skipFor: number): Promise<boolean> {
    return this.#epoch.stillIs(this.#epochAtLoadStart, this.#plain.release(key, token, skipFor))
  }

  #isValid(entry: Entry<T>, epoch: string | undefined): boolean {
    const valid = hasEpoch(entry, epoch)
    if (!valid) this.#outdated = Buffer.from(entry.stamp ?? '')
    return valid
  }
}

/** Returns whether an entry has this epoch as its stamp. */
export function hasEpoch(entry: Entry<unknown>, epoch: string | undefined): boolean {
  return epoch !== undefined && entry.stamp?.toString() === epoch
}

/** Adds the epoch that the cache had before the value was loaded. */
export function withEpoch(storing: StoreOptions, epoch: string): StoreOptions {
  return { ...storing, meta: { ...storing.meta, stamp: Buffer.from(epoch) } }
}

/** Returns the error of `clear()` for a cache that is not clearable. */
export function unclearable(prefix: string): UsageError {
  return new UsageError(
    'clear() needs the option "clearable: true" of this cache, in all processes. Without it, ' +
      `delete the entries one by one: invalidateMatching(client, glob\`${prefix}:*\`).`,
  )
}

const codec: Codec<string> = { name: 'epoch', encode: String, decode: String }
const format = /* @__PURE__ */ createFormat<string>({ codec })
const DAY = 86_400_000
