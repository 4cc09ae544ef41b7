export {
  createCacheClient,
  type CacheClient,
  type ClientOptions,
  type SendTimeout,
} from './client/client.js'
export { createGuardedSend } from './client/guarded-send.js'
export { checkBreaker, type Breaker, type ResilienceOptions } from './client/resilience.js'
export type { Send } from './client/batch/batch.js'
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
} from './client/script.js'
export { glob, literalStart, type GlobPattern, type ScanOptions } from './client/scan.js'
export { invalidateMatching, type InvalidateMatchingOptions } from './client/invalidate-matching.js'
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
} from './client/keys.js'
export { json } from './codecs/json.js'
export { v8 } from './codecs/v8.js'
export { msgpack } from './codecs/msgpack.js'
export { compressed, type CompressedOptions } from './codecs/compressed.js'
export { encrypted, type EncryptedOptions } from './codecs/encrypted.js'
export { checkCodec, type Codec, type CodecContext } from './codecs/codec.js'
export {
  createFormat,
  Undecodable,
  type Decoded,
  type Format,
  type FormatOptions,
  type Meta,
} from './entries/format.js'
export type { Schema } from './codecs/schema.js'
export { parseSize, type Size } from './util/size.js'
export { jittered, parseDuration, type Duration } from './util/duration.js'
export { limitTo, mapAtOnce } from './util/concurrency.js'
export { Bag, type Seat } from './util/swap-list.js'
export { Deadlines, type Deadline } from './util/deadlines.js'
export { checkOptions, OptionChecks } from './util/options.js'
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
export { redactedError } from './util/redact.js'
export { channels, tell, type Messages, type Typed } from './client/telemetry.js'
export { onAbort } from './util/on-abort.js'
export { PendingReleases, type PendingRelease } from './client/pending-releases.js'
export { RecentMap, type RecentMapOptions } from './util/recent-map.js'
export { Slices } from './util/slices.js'
export { createToken } from './util/token.js'
export {
  LoadPolicy,
  loadPolicyOptions,
  type LoadPolicyOptions,
  type Storing,
} from './reads/policy.js'
export {
  LoadTimeoutError,
  loadUncached,
  uncachedContext,
  type LoadContext,
  type Loader,
} from './reads/loader.js'
export { Renewals } from './reads/renewals.js'
export { plainAccess, type Access } from './reads/access.js'
export type { BulkContext } from './reads/bulk-load.js'
export type { LoadMany, Many } from './reads/many.js'
export { keyById, readsById, ReadOutage, type CallOptions, type ReadsById } from './reads/by-id.js'
export { readThrough, sourceOptions, type SourceOptions, type SourceReads } from './reads/source.js'
export { ReadPath } from './reads/read-path.js'
export {
  beginMutations,
  mutation,
  openMutation,
  type Mutation,
  type MutationOptions,
} from './writes/mutation.js'
export { writeSource, type SourceWrite } from './writes/source-write.js'
