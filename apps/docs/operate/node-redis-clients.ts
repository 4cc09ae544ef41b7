import { createClient, createCluster, createSentinel } from 'redis'

const socket = {
  connectTimeout: 5_000,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
  // Never give up, and don't let all processes come back in the same millisecond.
  reconnectStrategy: (attempt: number) =>
    Math.min(50 * 2 ** attempt, 2_000) * (0.5 + Math.random() / 2),
}
// Nothing waits for a connection in the client: the driver has a queue with deadlines.
const options = { socket, disableOfflineQueue: true }

export const standalone = (url: string) => createClient({ url, ...options })

export const withTls = (url: string, certificateOfTheAuthority: string) =>
  createClient({
    url,
    ...options,
    socket: { ...socket, tls: true as const, ca: certificateOfTheAuthority },
  })

export const withSentinel = (
  name: string,
  sentinels: readonly { readonly host: string; readonly port: number }[],
) =>
  createSentinel({
    name,
    sentinelRootNodes: [...sentinels],
    nodeClientOptions: options,
    sentinelClientOptions: options,
    scanInterval: 10_000, // looks for a new primary, also without a message
    masterPoolSize: 1, // commands of one tick keep their order
  })

export const cluster = (nodes: readonly { readonly host: string; readonly port: number }[]) =>
  createCluster({
    rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })),
    defaults: options,
  })
