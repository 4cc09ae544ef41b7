import { checkOptions } from '@cache/core/internal'
import { metrics, trace, type Meter, type Tracer } from '@opentelemetry/api'
import { recordMetrics } from './metrics.js'
import { recordSpans } from './spans.js'

export interface InstrumentCacheOptions {
  /** Where metrics go; `false`: nowhere. Default: the global meter provider's. */
  readonly meter?: Meter | false
  /** Where spans go; `false`: nowhere. Default: the global tracer provider's. */
  readonly tracer?: Tracer | false
  /**
   * Spans say which key, and which lock, they are about. Keys may hold what identifies a person.
   * Default false.
   */
  readonly keys?: boolean
}

export interface Instrumentation extends Disposable {
  /** Listens no more. */
  close(): void
}

/**
 * Makes OpenTelemetry metrics and spans of what all patterns tell, of every client in this process.
 * Call it once, at the start, when the SDK is set up. Metrics have no keys and no ids, so their
 * number does not grow with the data. A span is made when what it is about has ended, as a child of
 * the span that is active then. An instrument that throws disturbs no cache.
 *
 * @throws {InvalidOptionError} naming the option.
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
