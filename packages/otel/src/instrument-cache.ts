import { checkOptions } from '@cache/core/internal'
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
  const check = checkOptions('instrumentCache', options, ['meter', 'tracer', 'keys'])
  const keys = check.oneOf('keys', [true, false], false)
  const meter = check.has('meter')
    ? options.meter !== false &&
      check.shaped<Meter>(
        'meter',
        ['createCounter', 'createHistogram'],
        'a meter: metrics.getMeter(…), or false',
      )
    : metrics.getMeter(NAME)
  const tracer = check.has('tracer')
    ? options.tracer !== false &&
      check.shaped<Tracer>('tracer', ['startSpan'], 'a tracer: trace.getTracer(…), or false')
    : trace.getTracer(NAME)
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
