import type { CommandResult, NodeHandle, SendOptions, Command } from '@cache/core'
import { ManagedConnection } from '@cache/core/driver-internal'
import type { GlideClientConfiguration } from '@valkey/valkey-glide'
import { glideAdapter, type ClusterOfNode } from './adapter.js'
import type { Backend, BackendOptions } from './backend.js'
import { addressesOf } from './configuration.js'
import { connectGlide } from './glide-client.js'
import { GlideConnection } from './glide-connection.js'

/** One server, or the primary among several. */
export class Server implements Backend {
  readonly #glide: GlideConnection
  readonly #connection: ManagedConnection
  readonly #addresses: readonly string[]

  constructor(
    configuration: GlideClientConfiguration,
    { timeout, ownTimeout }: BackendOptions,
    cluster?: ClusterOfNode,
  ) {
    this.#addresses = addressesOf(configuration)
    this.#glide = new GlideConnection(() => connectGlide(configuration))
    const findsPrimary = this.#addresses.length > 1
    const adapter = glideAdapter(this.#glide, { timeout: ownTimeout, findsPrimary, cluster })
    this.#connection = new ManagedConnection(adapter, { timeout })
  }

  /** Whether there is a connection that answers. */
  get isUsable(): boolean {
    return this.#glide.current !== undefined && this.silentFor() === 0
  }

  send(commands: readonly Command[], options?: SendOptions): readonly Promise<CommandResult>[] {
    return this.#connection.send(commands, options)
  }

  silentFor(): number {
    return this.#connection.silentFor('')
  }

  sinceResend(): number {
    return this.#connection.sinceResend()
  }

  async nodes(): Promise<readonly NodeHandle[]> {
    const id = await this.#primaryAddress()
    return [{ id, send: (commands, options) => this.send(commands, options) }]
  }

  async subscribeAt(): Promise<undefined> {
    return undefined
  }

  async close(): Promise<void> {
    await this.#connection.close()
    this.#glide.close()
  }

  /** Of several addresses, it is that of the server which GLIDE found to be the primary. */
  async #primaryAddress(): Promise<string> {
    const [first = ''] = this.#addresses
    if (this.#addresses.length === 1) return first
    const info = await this.send([{ args: ['CLIENT', 'INFO'], keys: [] }])[0]
    return / laddr=(\S+)/.exec(String(info))?.[1] ?? first
  }
}
