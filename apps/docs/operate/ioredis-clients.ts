import { Cluster, Redis, type RedisOptions } from 'ioredis'

const options: RedisOptions = {
  // Nothing waits for a connection in the client: the driver has a queue with deadlines.
  enableOfflineQueue: false,
  // A command that was under way when the connection broke is not sent twice.
  autoResendUnfulfilledCommands: false,
  connectTimeout: 5_000,
  keepAlive: 30_000,
  // Never give up, and don't let all processes come back in the same millisecond.
  retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 2_000) * (0.5 + Math.random() / 2),
}

export const standalone = (url: string): Redis => new Redis(url, options)

export const withTls = (url: string, certificateOfTheAuthority: string): Redis =>
  new Redis(url, { ...options, tls: { ca: certificateOfTheAuthority } })

export const withSentinel = (
  name: string,
  sentinels: readonly { readonly host: string; readonly port: number }[],
): Redis =>
  new Redis({
    ...options,
    name,
    sentinels: [...sentinels],
    sentinelRetryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
    failoverDetector: true, // reconnects when the Sentinels report a new primary
  })

export const cluster = (
  nodes: readonly { readonly host: string; readonly port: number }[],
): Cluster =>
  new Cluster([...nodes], {
    redisOptions: options,
    enableOfflineQueue: false,
    retryDelayOnFailover: 0, // no command is sent again; the driver looks up the slots
    slotsRefreshTimeout: 5_000,
    slotsRefreshInterval: 30_000,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, 2_000),
  })
