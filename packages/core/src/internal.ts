/**
 * The building blocks of the pattern packages in this repository. This is not a public API: it may
 * change in any release, and all packages are released together.
 */
export { clientOfParts, warnAboutSharedPrefix } from './client/shared-prefix.js'
export { checkClient, clientOption } from './client/check-client.js'
export { addHealthPart, type HealthPart } from './client/health-parts.js'
export { addGauge, measureGauges, type Measured, type Measurements } from './client/gauges.js'
export { createGuardedSend, type GuardedSend } from './client/guarded-send.js'
export { breakerOption, type Breaker } from './client/resilience.js'
export { sendThrough, type Send } from './client/send-through.js'
export type { EntryStore } from './entries/store.js'
export type { Lease, LeaseExtension, LeaseRequest, Write } from './entries/requests.js'
export type { Entry } from './entries/entry.js'
export type {
  Announcement,
  NearChange,
  NearEntries,
  NearQuestion,
  NearValue,
} from './entries/near.js'
export { defineBulkChange, defineChange } from './entries/define-change.js'
export { defineLease, type LeaseDefinition, type LeaseReply } from './entries/define-lease.js'
export { stampLua } from './entries/stored.js'
export { leaseUnlessStampScript } from './entries/stamp-scripts.js'
export { closeWith, type Closable } from './client/closables.js'
export { scriptSources } from './client/script.js'
export { serverTimeScript, type ClockReading } from './client/server-clock.js'
export { timeLua } from './client/time.js'
export { escapeGlob, literalStart } from './client/scan.js'
export {
  beside,
  checkPrefix,
  companion,
  createKeys,
  epochKey,
  rawKey,
  type CompanionName,
  type MakeKey,
} from './client/keys.js'
export { checkCodec } from './codecs/codec.js'
export {
  createFormat,
  formatOptions,
  Undecodable,
  type Decoded,
  type Format,
  type FormatOptions,
  type Meta,
  type PayloadForScript,
} from './entries/format.js'
export { parseSize } from './util/size.js'
export { jittered, parseTtl } from './util/duration.js'
export { mapAtOnce } from './util/concurrency.js'
export { SwapList, type Handle } from './util/swap-list.js'
export { Deadlines, type Deadline } from './util/deadlines.js'
export {
  choiceOption,
  customOption,
  durationOption,
  flagOption,
  functionOption,
  givenOption,
  groupOption,
  numberOption,
  objectOption,
  omitOptions,
  readGroup,
  readOptions,
  required,
  requireFunction,
  signalOption,
  sizeOption,
  textOption,
  ttlOption,
  type CheckedOptions,
  type AsGiven,
  type Option,
  type OptionTable,
} from './util/options.js'
export { inPart, summaryOf } from './errors.js'
export { redactedError } from './util/redact.js'
export { emit, type Typed } from './client/telemetry.js'
export { onAbort } from './util/on-abort.js'
export { PendingReleases, type PendingRelease } from './client/pending-releases.js'
export { RecentMap, type RecentMapOptions } from './util/recent-map.js'
export { builtinModule } from './util/builtin-module.js'
export { backoff, Backoff, type BackoffOptions } from './util/backoff.js'
export { groupBy } from './util/group-by.js'
export { sleep, sleepUnlessAborted, type SleepOptions } from './util/sleep.js'
export { withTimeLimit } from './util/time-limit.js'
export { RenewedHold } from './util/renewed-hold.js'
export { lazy } from './util/lazy.js'
export { Slices } from './util/slices.js'
export { StartedReads } from './util/started-reads.js'
export { timerDelay } from './util/timer-delay.js'
export { createToken } from './util/token.js'
export { unref } from './util/unref.js'
export {
  clearableOptions,
  LoadPolicy,
  loadPolicyOptions,
  type CheckedLoadPolicy,
  type StoreOptions,
} from './reads/policy.js'
export { loadUncached, uncachedContext } from './reads/loader.js'
export { readCacheOptions, withClientDefaults } from './reads/client-defaults.js'
export { Renewals } from './reads/renewals.js'
export { hasEpoch, unclearable, withEpoch } from './reads/epoch.js'
export { plainEntryAccess, type EntryAccess } from './reads/access.js'
export type { BulkContext } from './reads/bulk-load.js'
export { keyById, readsById, type ReadsById } from './reads/by-id.js'
export { ReadOutage } from './reads/read-outage.js'
export { readThrough, sourceLoader, sourceOptions } from './reads/read-through.js'
export { hitRateOf } from './reads/cache-stats.js'
export { ReadPath } from './reads/read-path.js'
export { mutation, openMutation } from './writes/mutation.js'
export { TransactionScope } from './writes/transaction-scope.js'
export { writeSource, type SourceWrite } from './writes/source-write.js'
