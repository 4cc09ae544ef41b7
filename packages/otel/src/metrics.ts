import { ValueType, type Meter } from '@opentelemetry/api'
import { errorType } from './error-type.js'
import { listen } from './listen.js'

/**
 * Records metrics until the returned function is called. Names and units follow OpenTelemetry's
 * conventions: seconds, and `{things}`. Source:
 * https://opentelemetry.io/docs/specs/semconv/general/metrics/
 */
export function recordMetrics(meter: Meter): () => void {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(name, { unit, description, valueType: ValueType.INT })
  const duration = (name: string, description: string) =>
    meter.createHistogram(name, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: [...BUCKETS] },
    })

  const requests = counter('cache.requests', '{request}', 'Values that were asked for, by result.')
  const loads = duration('cache.load.duration', 'Duration of loader calls.')
  const fills = counter(
    'cache.fills',
    '{value}',
    'Loaded values sent to Redis. Not stored if an invalidation or a writer came first.',
  )
  const invalidations = counter('cache.invalidations', '{key}', 'Keys that were invalidated.')
  const waits = duration('cache.lock.wait.duration', 'Duration of waits for locks.')
  const holds = duration('cache.lock.hold.duration', 'Duration for which locks were held.')
  const decisions = counter(
    'cache.ratelimit.decisions',
    '{decision}',
    'Decisions of rate limiters. Degraded ones were made without Redis.',
  )
  const flushes = duration('cache.flush.duration', 'Duration of flushes of write-behind batches.')
  const writes = counter('cache.flush.writes', '{write}', 'Writes that write-behind flushed.')
  const errors = counter('cache.errors', '{error}', 'Errors that no caller received.')

  return listen({
    hit: ({ prefix, stale, layer }) =>
      requests.add(1, {
        'cache.name': prefix,
        'cache.result': stale ? 'stale' : 'hit',
        'cache.layer': layer,
      }),
    miss: ({ prefix }) => requests.add(1, { 'cache.name': prefix, 'cache.result': 'miss' }),
    load: ({ prefix, ms, background, error }) =>
      loads.record(ms / 1_000, {
        'cache.name': prefix,
        'cache.background': background,
        ...(error !== undefined && { 'error.type': errorType(error) }),
      }),
    fill: ({ prefix, stored }) => fills.add(1, { 'cache.name': prefix, 'cache.stored': stored }),
    invalidate: ({ keys }) => invalidations.add(keys.length),
    lock: ({ prefix, event, ms = 0 }) =>
      (event === 'acquired' || event === 'timeout' ? waits : holds).record(ms / 1_000, {
        'cache.locks': prefix,
        'cache.lock.outcome': event,
      }),
    ratelimit: ({ prefix, allowed, degraded, policy }) =>
      decisions.add(1, {
        'cache.limiter': prefix,
        'cache.ratelimit.allowed': allowed,
        'cache.ratelimit.degraded': degraded,
        ...(policy !== undefined && { 'cache.ratelimit.policy': policy }),
      }),
    flush: ({ name, writes: count, ms }) => {
      flushes.record(ms / 1_000, { 'cache.name': name })
      writes.add(count, { 'cache.name': name })
    },
    error: ({ operation, error }) =>
      errors.add(1, { 'cache.operation': operation, 'error.type': errorType(error) }),
  })
}

/** Bucket boundaries of durations, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
