export {
  createCacheClient,
  type CacheClient,
  type ClientOptions,
  type SendTimeout,
} from './client.js'
export { createGuardedSend } from './guarded-send.js'
export { checkBreaker, type Breaker, type ResilienceOptions } from './resilience.js'
export type { Send } from './batch/batch.js'
export type {
  Argument,
  Command,
  Connection,
  Driver,
  NodeHandle,
  Reply,
  SendOptions,
  Settle,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  Topology,
} from './drivers/driver.js'
export type { Entry, EntryStore, Lease, LeaseRequest, Write } from './entries/store.js'
export type {
  Announcement,
  NearChange,
  NearEntries,
  NearQuestion,
  NearValue,
} from './entries/near.js'
export { defineChange } from './entries/define-change.js'
export {
  defineScript,
  scriptSources,
  type KeyType,
  type Script,
  type ScriptDefinition,
} from './script.js'
export { glob, literalStart, type GlobPattern, type ScanOptions } from './scan.js'
export { invalidateMatching, type InvalidateMatchingOptions } from './invalidate-matching.js'
export {
  beside,
  checkPrefix,
  companion,
  createKeys,
  hashTag,
  rawKey,
  slot,
  type CompanionName,
  type KeyPart,
  type MakeKey,
} from './keys.js'
export { json } from './codecs/json.js'
export { v8 } from './codecs/v8.js'
export { msgpack } from './codecs/msgpack.js'
export { compressed, type CompressedOptions } from './codecs/compressed.js'
export { encrypted, type EncryptedOptions } from './codecs/encrypted.js'
export { checkCodec, type Codec, type CodecContext } from './codec.js'
export {
  createFormat,
  Undecodable,
  type Decoded,
  type Format,
  type FormatOptions,
  type Meta,
} from './format.js'
export type { Schema } from './schema.js'
export { parseSize, type Size } from './size.js'
export { jittered, parseDuration, type Duration } from './duration.js'
export { limitTo, mapAtOnce } from './concurrency.js'
export { Bag, type Seat } from './bag.js'
export { Deadlines, type Deadline } from './deadlines.js'
export { checkOptions, OptionChecks } from './options.js'
export {
  CacheError,
  CacheUnavailableError,
  CacheWriteError,
  CodecError,
  CommandTimeoutError,
  ConnectionError,
  InvalidKeyError,
  InvalidOptionError,
  ServerError,
  summaryOf,
  type ErrorDetails,
  type ReplyDetails,
} from './errors.js'
export { redactedError } from './redact.js'
export { channels, tell, type Messages, type Typed } from './telemetry.js'
export { onAbort } from './on-abort.js'
export { PendingReleases, type PendingRelease } from './pending-releases.js'
export { RecentMap, type RecentMapOptions } from './recent-map.js'
export { Slices } from './slices.js'
export { createToken } from './token.js'
export {
  LoadPolicy,
  loadPolicyOptions,
  type LoadPolicyOptions,
  type Storing,
} from './load/policy.js'
export {
  LoadTimeoutError,
  loadUncached,
  uncachedContext,
  type LoadContext,
  type Loader,
} from './load/loader.js'
export { Renewals } from './load/renewals.js'
export { plainAccess, type Access } from './load/access.js'
export type { BulkContext } from './load/bulk.js'
export type { LoadMany, Many } from './load/many.js'
export { keyById, readsById, ReadOutage, type CallOptions, type ReadsById } from './load/by-id.js'
export { readThrough, sourceOptions, type SourceOptions, type SourceReads } from './load/source.js'
export { ReadPath } from './load/read-path.js'
export {
  beginMutations,
  mutation,
  openMutation,
  type Mutation,
  type MutationOptions,
} from './write/mutation.js'
export { writeSource, type SourceWrite } from './write/source-write.js'
