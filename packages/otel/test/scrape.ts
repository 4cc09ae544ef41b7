import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'

/** A meter of the real SDK, and what Prometheus would scrape. */
export async function scraping() {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const meters = new MeterProvider({ readers: [exporter] })
  const server = createServer((request, response) =>
    exporter.getMetricsRequestHandler(request, response),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    meter: meters.getMeter('test'),
    scrape: async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await meters.shutdown()
    },
  }
}
