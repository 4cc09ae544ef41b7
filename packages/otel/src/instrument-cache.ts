import { InvalidOptionError, type CacheClient, type Duration } from '@cache/core'
import {
  checkClient,
  clientOption,
  customOption,
  durationOption,
  flagOption,
  objectOption,
  readOptions,
  type Option,
  type OptionTable,
} from '@cache/core/internal'
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
   * and its workers. They are observed until they are closed. `observe` adds clients that are
   * created later. Default `[]`.
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
  const {
    meter = metrics.getMeter(NAME),
    tracer = trace.getTracer(NAME),
    keys,
    clients,
    timeout,
  } = readOptions('instrumentCache', instrumentOptions, options)
  if (meter && clients.length > 0) gaugeMeterOption.check(meter, 'meter')
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
    observe(client) {
      const checked = checkClient(client)
      gauges?.add(checked)
    },
    close,
    [Symbol.dispose]: close,
  }
}

function checkClients(clients: unknown = [], path: string): readonly CacheClient[] {
  if (!Array.isArray(clients)) throw new InvalidOptionError(path, 'an array of clients', clients)
  return clients.map((client, i) => clientOption.check(client, `${path}.${i}`))
}

const NAME = '@cache/otel'
const A_METER = 'a meter: metrics.getMeter(…), or false'
const meterOption = objectOption(['createCounter', 'createHistogram'], A_METER)
const gaugeMeterOption = objectOption(
  ['createObservableGauge', 'addBatchObservableCallback'],
  A_METER,
)
const tracerOption = objectOption(['startSpan'], 'a tracer: trace.getTracer(…), or false')

/** The rows of `InstrumentCacheOptions`. */
const instrumentOptions = {
  meter: orFalse<Meter>(meterOption),
  tracer: orFalse<Tracer>(tracerOption),
  keys: flagOption(false),
  clients: customOption(checkClients),
  timeout: durationOption('1s'),
} satisfies OptionTable<InstrumentCacheOptions>

function orFalse<C>(option: Option<unknown>): Option<C | false | undefined> {
  return customOption((value, path) =>
    value === false ? false : (option.check(value, path) as C | undefined),
  )
}
