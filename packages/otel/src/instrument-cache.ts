import type { CacheClient, Duration } from '@cache/core'
import { checkClient, checkOptions, OptionChecks } from '@cache/core/internal'
import { metrics, trace, type Meter, type Tracer } from '@opentelemetry/api'
import { ObservedGauges } from './gauges.js'
import { recordMetrics } from './metrics.js'
import { recordSpans } from './spans.js'

/** Options of `instrumentCache`. */
export interface InstrumentCacheOptions {
  /** Receives the metrics. `false` records none. Default: a meter of the global provider. */
  readonly meter?: Meter | false
  /** Receives the spans. `false` records none. Default: a tracer of the global provider. */
  readonly tracer?: Tracer | false
  /**
   * Adds the key, or the name of the lock, to each span. Keys may contain data that identifies a
   * person. Default false.
   */
  readonly keys?: boolean
  /**
   * The clients whose gauges are observed: circuits, near caches, buses, and queues of write-behind
   * and its workers. Default: none. `observe` adds clients that are created later.
   */
  readonly clients?: readonly CacheClient[]
  /**
   * How long a collection of metrics waits for the gauges of queues, which ask Redis. Default 1 s.
   */
  readonly timeout?: Duration
}

/** Running instrumentation, until it is closed. */
export interface Instrumentation extends Disposable {
  /**
   * Observes the gauges of a client until it is closed: of its circuits, and of the near caches,
   * buses, queues and workers that use it, now and later.
   *
   * @throws {InvalidOptionError} if it is not a client.
   */
  observe(client: CacheClient): void
  /** Stops recording. */
  close(): void
}

/**
 * Records OpenTelemetry metrics and spans of all patterns, for every client in this process, and
 * gauges of the clients that you name. Call it once, at the start, after the SDK is set up.
 *
 * Metrics contain no keys and no ids, so the number of series does not grow with the data. A span
 * is created when its operation has ended, as a child of the span that is active then. An
 * instrument that throws disturbs no cache. A collection never fails or hangs because of a gauge.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const instrumentation = instrumentCache({ clients: [client] })
 * process.once('SIGTERM', () => instrumentation.close())
 */
export function instrumentCache(options: InstrumentCacheOptions = {}): Instrumentation {
  const check = checkOptions('instrumentCache', options, [
    'meter',
    'tracer',
    'keys',
    'clients',
    'timeout',
  ])
  const keys = check.oneOf('keys', [true, false], false)
  const timeout = check.duration('timeout', 1_000)
  const clients = checkClients(check, options)
  const meter = check.has('meter')
    ? options.meter !== false &&
      check.shaped<Meter>(
        'meter',
        ['createCounter', 'createHistogram', ...(clients.length > 0 ? FOR_GAUGES : [])],
        'a meter: metrics.getMeter(…), or false',
      )
    : metrics.getMeter(NAME)
  const tracer = check.has('tracer')
    ? options.tracer !== false &&
      check.shaped<Tracer>('tracer', ['startSpan'], 'a tracer: trace.getTracer(…), or false')
    : trace.getTracer(NAME)
  const gauges = meter ? new ObservedGauges(meter, timeout) : undefined
  for (const client of clients) gauges?.add(client)
  const stops = [
    ...(gauges ? [() => gauges.stop()] : []),
    ...(meter ? [recordMetrics(meter)] : []),
    ...(tracer ? [recordSpans(tracer, { keys })] : []),
  ]
  const close = (): void => {
    for (const stop of stops) stop()
  }
  return {
    observe: (client) => gauges?.add(checkClient(checkOptions('observe', { client }, ['client']))),
    close,
    [Symbol.dispose]: close,
  }
}

function checkClients(
  check: OptionChecks,
  { clients = [] }: InstrumentCacheOptions,
): readonly CacheClient[] {
  if (!Array.isArray(clients)) check.fail('clients', 'an array of clients')
  const checks = new OptionChecks('clients', { ...clients })
  for (const i of clients.keys())
    checks.shaped(
      String(i),
      ['key', 'send', 'run', 'scan'],
      'a client made by createCacheClient(…)',
    )
  return clients
}

const NAME = '@cache/otel'
const FOR_GAUGES = ['createObservableGauge', 'addBatchObservableCallback']
