import {
  customOption,
  flagOption,
  objectOption,
  readOptions,
  type Option,
  type OptionTable,
} from '@cache/core/internal'
import { metrics, trace, type Meter, type Tracer } from '@opentelemetry/api'
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
}

/** Running instrumentation, until it is closed. */
export interface Instrumentation extends Disposable {
  /** Stops recording. */
  close(): void
}

/**
 * Records OpenTelemetry metrics and spans of all patterns, for every client in this process. Call
 * it once, at the start, after the SDK is set up.
 *
 * Metrics contain no keys and no ids, so the number of series does not grow with the data. A span
 * is created when its operation has ended, as a child of the span that is active then. An
 * instrument that throws disturbs no cache.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const instrumentation = instrumentCache()
 * process.once('SIGTERM', () => instrumentation.close())
 */
export function instrumentCache(options: InstrumentCacheOptions = {}): Instrumentation {
  const {
    meter = metrics.getMeter(NAME),
    tracer = trace.getTracer(NAME),
    keys,
  } = readOptions('instrumentCache', instrumentOptions, options)
  const stops = [
    ...(meter ? [recordMetrics(meter)] : []),
    ...(tracer ? [recordSpans(tracer, { keys })] : []),
  ]
  const close = (): void => {
    for (const stop of stops) stop()
  }
  return { close, [Symbol.dispose]: close }
}

const NAME = '@cache/otel'
const meterOption = objectOption(
  ['createCounter', 'createHistogram'],
  'a meter: metrics.getMeter(…), or false',
)
const tracerOption = objectOption(['startSpan'], 'a tracer: trace.getTracer(…), or false')

/** The rows of `InstrumentCacheOptions`. */
const instrumentOptions = {
  meter: orFalse<Meter>(meterOption),
  tracer: orFalse<Tracer>(tracerOption),
  keys: flagOption(false),
} satisfies OptionTable<InstrumentCacheOptions>

function orFalse<C>(option: Option<unknown>): Option<C | false | undefined> {
  return customOption((value, path) =>
    value === false ? false : (option.check(value, path) as C | undefined),
  )
}
