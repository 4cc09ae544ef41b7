import assert from 'node:assert/strict'
import { createAside } from '@cache/aside'
import { instrumentCache } from '@cache/otel'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import type { Case } from '../stage.js'

export const telemetry = {
  'otel: counts hits and misses of a cache': async (stage) => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })
    const meters = new MeterProvider({ readers: [reader] })
    const client = stage.client()
    {
      using _ = instrumentCache({
        clients: [client],
        meter: meters.getMeter('test'),
        tracer: false,
      })
      const rows = createAside<string>({ client, prefix: 'otel', ttl: '1h' })
      for (let i = 0; i < 3; i++) await rows.getOrLoad(1, async () => 'chair')
      await meters.forceFlush()
    }
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    const requests = metrics.find(({ descriptor }) => descriptor.name === 'cache.requests')
    assert.ok(requests, metrics.map(({ descriptor }) => descriptor.name).join(', '))
    const counts = requests.dataPoints.map((point) => point.value as number)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      3,
    )
    await meters.shutdown()
  },
} satisfies Record<string, Case>
