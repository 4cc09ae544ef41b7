import { checkOptions } from '@cache/core'
import { metrics, trace, type Meter, type Tracer } from '@opentelemetry/api'
import { recordMetrics } from './metrics.js'
import { recordSpans } from './spans.js'

export interface InstrumentCacheOptions {
  /** Where metrics go; `false`: nowhere. Default: the global meter provider's. */
  readonly meter?: Meter | false
  /** Where spans go; `false`: nowhere. Default: the global tracer provider's. */
  readonly tracer?: Tracer | false
  /** Spans say which key, and which lock, they are about. Keys may hold what identifies a person. Default false. */
  readonly keys?: boolean
}

export interface Instrumentation extends Disposable {
  /** Ends it. */
  stop(): void
}

/**
 * Makes OpenTelemetry metrics and spans of what all patterns tell, of every client in this process. Call it once, at the start, when the
 * SDK is set up. Metrics have no keys and no ids, so their number does not grow with the data. A span is made when what it is about has
 * ended, as a child of the span that is active then. An instrument that throws disturbs no cache.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const instrumentation = instrumentCache()
 * process.once('SIGTERM', () => instrumentation.stop())
 */
export function instrumentCache(options: InstrumentCacheOptions = {}): Instrumentation {
  const check = checkOptions('instrumentCache', options, ['meter', 'tracer', 'keys'])
  const { meter = metrics.getMeter(NAME), tracer = trace.getTracer(NAME) } = options
  if (meter !== false) checkOptions('meter', { meter }, ['meter']).shaped('meter', ['createCounter', 'createHistogram'], 'a meter: metrics.getMeter(…), or false')
  if (tracer !== false) checkOptions('tracer', { tracer }, ['tracer']).shaped('tracer', ['startSpan'], 'a tracer: trace.getTracer(…), or false')
  const keys = check.oneOf('keys', [true, false], false)
  const stops = [meter && recordMetrics(meter), tracer && recordSpans(tracer, { keys })]
  const stop = (): void => { for (const each of stops) each && each() }
  return { stop, [Symbol.dispose]: stop }
}

const NAME = '@cache/otel'
