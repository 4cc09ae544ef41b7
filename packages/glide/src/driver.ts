import {
  CacheError,
  InvalidOptionError,
  slot,
  type Connection,
  type Driver,
  type NodeHandle,
} from '@cache/core'
import {
  createHeartbeat,
  createToken,
  driverOptions,
  groupBySlot,
  hostAndPort,
  keepSubscribed,
  ManagedConnection,
  OpenSubscriptions,
  primarySlots,
  readOptions,
  subscribeToPrimaries,
  type DriverOptions,
} from '@cache/core/internal'
import {
  GlideClient,
  GlideClusterClient,
  type GlideClientConfiguration,
  type GlideClusterClientConfiguration,
} from '@valkey/valkey-glide'
import { glideAdapter } from './adapter.js'
import { checkConfiguration, type GlideConfiguration } from './configuration.js'
import { connectGlide } from './glide-client.js'
import { GlideConnection } from './glide-connection.js'
import { endBlocked } from './end-blocked.js'
import { Slots } from './slots.js'
import { openOn } from './subscriptions.js'

/** The class of GLIDE whose clients the driver opens. */
export type GlideLibrary = typeof GlideClient | typeof GlideClusterClient

export function glideDriver(
  library: typeof GlideClient,
  configuration: GlideClientConfiguration,
  options?: DriverOptions,
): Driver
export function glideDriver(
  library: typeof GlideClusterClient,
  configuration: GlideClusterClientConfiguration,
  options?: DriverOptions,
): Driver
/**
 * Creates a driver that opens clients of Valkey GLIDE 2: for one server and its replicas
 * (`GlideClient`), or for a Cluster (`GlideClusterClient`). It connects in the background. All its
 * connections end with `close()`.
 *
 * The configuration is that of GLIDE. `requestTimeout` has no effect: the driver has a timeout for
 * each command.
 *
 * @throws {InvalidOptionError} if the configuration reads from replicas (`readFrom`, `readOnly`), or
 * has `clientSideCache`, `compression` or `pubsubSubscriptions`.
 * @example
 * const driver = glideDriver(GlideClient, { addresses: [{ host: 'localhost', port: 6379 }] })
 * const client = createCacheClient(driver)
 */
export function glideDriver(
  library: GlideLibrary,
  configuration: GlideConfiguration,
  options: DriverOptions = {},
): Driver {
  const { timeout } = readOptions('glideDriver', driverOptions, options)
  if (library !== GlideClient && library !== GlideClusterClient)
    throw new InvalidOptionError(
      'library',
      "GlideClient or GlideClusterClient of '@valkey/valkey-glide'",
      library,
    )
  checkConfiguration(configuration)
  const cluster = library === GlideClusterClient
  const slots = cluster ? new Slots() : undefined

  const connectionWith = (changes: Partial<GlideConfiguration> = {}): GlideConnection =>
    new GlideConnection(async () => {
      const client = await connectGlide(cluster, { ...configuration, ...changes })
      try {
        await slots?.refresh(client, Math.max(timeout, MIN_TIMEOUT))
      } catch (error) {
        client.close()
        throw error
      }
      return client
    })

  const glide = connectionWith()
  const connection = new ManagedConnection(glideAdapter({ connection: glide, slots, timeout }), {
    timeout,
  })
  const opened = new Set<Connection>()
  const subscriptions = new OpenSubscriptions()
  const handles = new Map<string, NodeHandle>()

  const nodeHandle = (address: string): NodeHandle => {
    let handle = handles.get(address)
    if (!handle) {
      const own = new ManagedConnection(
        glideAdapter({ connection: glide, slots, node: address, timeout }),
        { timeout, watched: false },
      )
      handle = { id: address, send: (commands, sendOptions) => own.send(commands, sendOptions) }
      handles.set(address, handle)
    }
    return handle
  }
  const whenConnected = async (): Promise<void> => {
    if (glide.current) return
    const [reply] = await Promise.all(connection.send([{ args: ['PING'], keys: [] }]))
    if (reply instanceof CacheError) throw reply
  }
  const nodes = async (): Promise<readonly NodeHandle[]> => {
    if (!slots) {
      const send: NodeHandle['send'] = (commands, sendOptions) =>
        connection.send(commands, sendOptions)
      return [{ id: await primaryAddress(), send }]
    }
    await whenConnected()
    if (glide.current) await slots.refreshIfOld(glide.current, timeout)
    return [...slots.primaries].map(nodeHandle)
  }
  /** Of several addresses, it is that of the server which GLIDE found to be the primary. */
  const primaryAddress = async (): Promise<string> => {
    const [{ host, port = 6379 }] = configuration.addresses as [{ host: string; port?: number }]
    if (configuration.addresses.length === 1) return `${host}:${port}`
    const [info] = await Promise.all(connection.send([{ args: ['CLIENT', 'INFO'], keys: [] }]))
    return / laddr=(\S+)/.exec(String(info))?.[1] ?? `${host}:${port}`
  }
  /** The node that a subscription listens to; `undefined` for the primary that GLIDE finds. */
  const nodeFor = async (channel: string | undefined) => {
    if (!slots) return undefined
    await whenConnected()
    const primaries = [...slots.primaries]
    const address =
      (channel === undefined ? undefined : slots.ownerOf(channel)) ??
      primaries[Math.floor(Math.random() * primaries.length)]
    if (address === undefined) throw new Error('no primary of the Cluster is known')
    return hostAndPort(address)
  }

  return {
    name: 'glide',
    topology: cluster ? 'cluster' : 'standalone',
    send: (commands, sendOptions) => connection.send(commands, sendOptions),
    silentFor: (node) => connection.silentFor(node),
    sinceResend: () => connection.sinceResend(),
    group: cluster ? groupBySlot : (keys) => (keys.length === 0 ? [] : [keys]),
    ...(slots && { nodeOf: (key: string) => slots.ownerOf(key) }),

    async dedicate() {
      const clientName = `${configuration.clientName ?? 'cache'}-${createToken()}`
      const ownGlide = connectionWith({ clientName })
      const own = new ManagedConnection(glideAdapter({ connection: ownGlide, slots, timeout }))
      let pending = 0
      const handle: Connection = {
        send(commands, sendOptions) {
          const results = own.send(commands, sendOptions)
          pending += results.length
          for (const result of results) void result.then(() => pending--)
          return results
        },
        async close() {
          if (!opened.delete(handle)) return
          const isBlocked = pending > 0
          await own.close()
          ownGlide.close()
          if (isBlocked) await endBlocked(await nodes().catch(() => []), clientName, timeout)
        },
      }
      opened.add(handle)
      return handle
    },

    subscribe(channels, on, { sharded = false, everyPrimary = false, heartbeat, tracking } = {}) {
      if (tracking)
        return Promise.reject(
          new CacheError(
            'GLIDE does not pass on the messages of CLIENT TRACKING. ' +
              'Use ioredis or node-redis, or an invalidation bus.',
            { code: 'UNSUPPORTED' },
          ),
        )
      const [channel = ''] = channels
      const request = { configuration, channels, sharded, timeout }
      const heartbeatFor = (owns?: (slot: number) => boolean) =>
        heartbeat === undefined
          ? undefined
          : createHeartbeat(connection, {
              every: heartbeat,
              channel,
              ...(owns ? { owns } : { anyNode: cluster }),
            })
      return subscriptions.open((signal) => {
        if (everyPrimary && cluster)
          return subscribeToPrimaries(
            {
              primaries: () => primarySlots(connection, () => undefined),
              openAt: (address) =>
                openOn(async () => hostAndPort(address), { ...request, sharded: false }),
              heartbeatOf: heartbeatFor,
            },
            on,
            { timeout, every: heartbeat, signal },
          )
        return keepSubscribed(
          openOn(() => nodeFor(sharded ? channel : undefined), request),
          on,
          {
            timeout,
            heartbeat: heartbeatFor(
              cluster && sharded ? (other) => other === slot(channel) : undefined,
            ),
            signal,
          },
        )
      })
    },

    nodes,

    async close() {
      await Promise.all([subscriptions, ...opened].map((closable) => closable.close()))
      await connection.close()
      glide.close()
    },
  }
}

/** Milliseconds that the first command of a connection may take. */
const MIN_TIMEOUT = 1_000
