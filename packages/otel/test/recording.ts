import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { context } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

/** A meter and a tracer of the real SDK, and what they were given. */
export function recording() {
  const exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: exported,
    exportIntervalMillis: 1_000_000,
  })
  const meters = new MeterProvider({ readers: [reader] })
  const spans = new InMemorySpanExporter()
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  return {
    meter: meters.getMeter('test'),
    tracer: tracers.getTracer('test'),
    spans: (): readonly ReadableSpan[] => spans.getFinishedSpans(),
    /** Each metric as lines `{attributes} value`, histograms by their count and sum. */
    async metrics(): Promise<
      Record<
        string,
        {
          unit: string
          points: { attributes: Record<string, unknown>; value: number; sum?: number }[]
        }
      >
    > {
      exported.reset()
      await meters.forceFlush()
      const all = exported
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      return Object.fromEntries(
        all.map(({ descriptor, dataPoints }) => [
          descriptor.name,
          {
            unit: descriptor.unit,
            points: dataPoints.map(({ attributes, value }) =>
              typeof value === 'number'
                ? { attributes, value }
                : {
                    attributes,
                    value: (value as { count: number }).count,
                    sum: (value as { sum: number }).sum,
                  },
            ),
          },
        ]),
      )
    },
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all([meters.shutdown(), tracers.shutdown()])),
  }
}
