export {
  createCacheClient,
  type CacheClient,
  type ClientOptions,
  type SendTimeout,
} from './client/client.js'
export { type Breaker, type ResilienceOptions } from './client/resilience.js'
export type { ErrorContext, FailureOptions } from './client/failures/failure-log.js'
export type { ClientHealth, HealthOptions, NodeHealth, PartHealth } from './client/health.js'
export type { HealthPart } from './client/health-parts.js'
export type { Logger } from './client/failures/logger.js'
export type {
  Circuit,
  CommandResult,
  Connection,
  Driver,
  NodeHandle,
  SendOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  Topology,
} from './drivers/driver.js'
export type { Argument, Command, Reply } from './drivers/command.js'
export { defineScript, type KeyType, type Script, type ScriptDefinition } from './client/script.js'
export { glob, type GlobPattern, type ScanOptions } from './client/scan.js'
export { invalidateMatching, type InvalidateMatchingOptions } from './client/invalidate-matching.js'
export { hashTag, slot, type KeyPart } from './client/keys.js'
export { json } from './codecs/json.js'
export { v8 } from './codecs/v8.js'
export { msgpack } from './codecs/msgpack.js'
export { compressed, type CompressedOptions } from './codecs/compressed.js'
export { encrypted, type EncryptedOptions } from './codecs/encrypted.js'
export { type Codec, type CodecContext } from './codecs/codec.js'
export type { Schema } from './codecs/schema.js'
export { type Size } from './util/size.js'
export { duration, parseDuration, type Duration, type Ttl } from './util/duration.js'
export { limitTo } from './util/concurrency.js'
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
  UsageError,
  type ErrorDetails,
  type ReplyDetails,
} from './errors.js'
export { channels, type Messages } from './client/telemetry.js'
export type { CacheStats, HitStats } from './reads/cache-stats.js'
export { type ClearableOptions, type LoadPolicyOptions } from './reads/policy.js'
export type { CacheDefaults } from './reads/client-defaults.js'
export { LoadTimeoutError, type LoadContext, type Loader } from './reads/loader.js'
export type { LoadMany, Many } from './reads/many.js'
export { type CallOptions } from './reads/by-id.js'
export { beginMutations, type Mutation, type MutationOptions } from './writes/mutation.js'
export type { Inspected } from './reads/read-path.js'
export type { SourceOptions, SourceReads } from './reads/read-through.js'
