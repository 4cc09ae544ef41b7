import type { CacheError } from '../../errors.js'
import type { Role, WatchedClient } from './watched-client.js'

interface WatchedNode {
  /** The sequence number of the last reply, see `#sequence`. */
  lastReply: number
  /**
   * Since when commands have been unanswered, by `performance.now()`; `undefined` while the node
   * answers.
   */
  silentSince: number | undefined
  /** The bytes that the connection had received at the last check. */
  bytes: number | undefined
  /** When the node was probed last, by `performance.now()`. */
  probedAt: number
  /** Since when the node has been known to be a replica, by `performance.now()`. */
  replicaSince: number | undefined
  /** Whether the connection that was opened after that leads to a replica as well. */
  replicaAfterReconnect: boolean
  /**
   * When the connection was closed last, by `performance.now()`, and the minimum time in ms until
   * the next one is closed.
   */
  reconnectedAt: number
  reconnectPause: number
}

/**
 * Watches whether the servers behind a client answer, and whether they are primaries.
 *
 * A server is *silent* since the oldest command that was not answered in time, if nothing else was
 * received from it since then. A reply that is too late for its caller is a sign of life, so a
 * short deadline of one caller never counts as silence.
 *
 * A connection is closed in two cases: it stays silent (its peer vanished or hangs), or it leads to
 * a replica (its primary was demoted). Another connection is opened then, and on a Cluster the
 * owners of the slots are looked up again.
 */
export class ServerWatch {
  readonly #client: WatchedClient
  readonly #timeout: number
  readonly #roleChanged: () => void
  readonly #nodes = new Map<string, WatchedNode>()
  #sequence = 0
  #silentCount = 0
  #rediscoveredAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #timerDue = 0
  #closed = false

  /**
   * `timeout` is the time in ms that a server may take to answer. `roleChanged` is called when a
   * node becomes a replica or a primary.
   */
  constructor(client: WatchedClient, timeout: number, roleChanged: () => void) {
    this.#client = client
    this.#timeout = Math.max(timeout, MIN_TIMEOUT)
    this.#roleChanged = roleChanged
  }

  /**
   * Records a write and returns its sequence number. Later replies have higher numbers. `now` is by
   * `performance.now()`.
   */
  recordWrite(now: number): number {
    if (this.#client.checksRole && now - this.#node('').probedAt > ROLE_INTERVAL)
      this.#probe('', now)
    return ++this.#sequence
  }

  /** Records a reply, in time or not. */
  recordReply(node: string): void {
    const state = this.#node(node)
    state.lastReply = ++this.#sequence
    if (state.silentSince !== undefined) this.#endSilence(state)
  }

  /** Records the reply that this server cannot execute the command, but another one can. */
  recordRefusal(node: string, { code }: CacheError): void {
    if (this.#closed) return
    const state = this.#node(node)
    if (this.#client.rediscover) this.#rediscover(performance.now())
    else if (code === 'READONLY') this.#setRole(node, state, 'replica')
    else this.#reconnect(node, state, performance.now())
  }

  /**
   * Records that a command, which was sent at `since`, got no reply in time. `written` is its
   * sequence number, or `undefined` if it was never written.
   */
  recordTimeout(node: string, since: number, written: number | undefined): void {
    if (this.#closed) return
    const state = this.#node(node)
    if (written !== undefined && state.lastReply > written) return
    if (state.silentSince === undefined) {
      this.#silentCount++
      state.bytes = this.#client.bytesRead(node)
      // The connection is new, or has worked so far.
      state.reconnectPause = this.#timeout
    }
    state.silentSince = Math.min(state.silentSince ?? Infinity, since)
    this.#scheduleCheck()
  }

  /** Records a new connection. */
  recordConnection(): void {
    const now = performance.now()
    if (this.#client.checksRole || this.#silentCount > 0)
      for (const node of this.#nodes.keys()) this.#probe(node, now)
  }

  /** Whether the node is a replica, to which no commands must be sent. */
  isReplica(node: string): boolean {
    return this.#nodes.get(node)?.replicaSince !== undefined
  }

  /**
   * Whether another connection was opened and leads to a replica, too. Waiting for a primary is
   * useless then.
   */
  replicaAfterReconnect(node: string): boolean {
    return this.#nodes.get(node)?.replicaAfterReconnect === true
  }

  /** Returns the milliseconds for which a node has been silent; 0 if it is not silent. */
  silentFor(node: string): number {
    const since = this.#silentCount === 0 ? undefined : this.#nodes.get(node)?.silentSince
    return since === undefined ? 0 : performance.now() - since
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  readonly #isSilent = (node: string): boolean => this.#nodes.get(node)?.silentSince !== undefined

  #node(node: string): WatchedNode {
    let state = this.#nodes.get(node)
    if (!state) {
      if (this.#nodes.size >= MAX_NODES) this.#removeOne()
      const initial = {
        lastReply: 0,
        silentSince: undefined,
        bytes: undefined,
        probedAt: -Infinity,
        reconnectedAt: -Infinity,
      }
      this.#nodes.set(
        node,
        (state = {
          ...initial,
          replicaSince: undefined,
          replicaAfterReconnect: false,
          reconnectPause: this.#timeout,
        }),
      )
    }
    return state
  }

  /** Removes a node that is not silent, since the nodes of a Cluster change. */
  #removeOne(): void {
    for (const [node, { silentSince }] of this.#nodes) {
      if (silentSince !== undefined) continue
      this.#nodes.delete(node)
      return
    }
  }

  #endSilence(state: WatchedNode): void {
    state.silentSince = undefined
    state.reconnectPause = this.#timeout
    this.#silentCount--
  }

  #setRole(node: string, state: WatchedNode, role: Role): void {
    const { replicaSince, replicaAfterReconnect } = state
    if (role === 'replica') {
      state.replicaSince ??= performance.now()
      state.replicaAfterReconnect = state.reconnectedAt > state.replicaSince
      // Replies that arrived together with this one are delivered before the connection is closed.
      setImmediate(() => {
        if (!this.#closed && state.replicaSince !== undefined)
          this.#reconnect(node, state, performance.now())
      })
      this.#scheduleCheck()
    } else {
      state.replicaSince = undefined
      state.replicaAfterReconnect = false
      state.reconnectPause = this.#timeout
    }
    if (
      replicaSince !== state.replicaSince ||
      replicaAfterReconnect !== state.replicaAfterReconnect
    )
      this.#roleChanged()
  }

  #probe(node: string, now: number): void {
    const state = this.#node(node)
    state.probedAt = now
    if (!this.#client.isConnected(node)) return
    this.#client.probe(node).then(
      (role) => {
        if (this.#closed) return
        this.recordReply(node)
        if (role === 'replica' || state.replicaSince !== undefined) this.#setRole(node, state, role)
      },
      () => undefined, // the connection was lost, which is reported elsewhere
    )
  }

  #scheduleCheck(): void {
    if (this.#timer !== undefined || this.#closed) return
    const pause = this.#timeout / CHECKS_PER_TIMEOUT
    this.#timerDue = performance.now() + pause
    this.#timer = setTimeout(() => setImmediate(() => this.#check(pause)), pause)
    this.#timer.unref()
  }

  #check(pause: number): void {
    this.#timer = undefined
    if (this.#closed) return
    const now = performance.now()
    let unresolved = false
    for (const [node, state] of this.#nodes) {
      if (state.silentSince === undefined && state.replicaSince === undefined) continue
      if (!this.#client.isKnown(node)) {
        if (state.silentSince !== undefined) this.#silentCount--
        this.#nodes.delete(node)
        continue
      }
      unresolved = true
      // If this process was blocked itself, it knows nothing about the servers.
      if (now - this.#timerDue < pause) this.#checkNode(node, state, now)
    }
    if (unresolved) this.#scheduleCheck()
  }

  #checkNode(node: string, state: WatchedNode, now: number): void {
    const bytes = this.#client.bytesRead(node)
    // A part of a long reply is a sign of life, too.
    const received = state.bytes !== undefined && bytes !== undefined && bytes > state.bytes
    state.bytes = bytes
    if (received) this.recordReply(node)
    if (now - state.probedAt >= this.#timeout / 2) this.#probe(node, now)
    if (state.silentSince === undefined) return
    const silence = now - state.silentSince
    if (silence >= this.#timeout) this.#rediscover(now)
    const limit = this.#client.findsPrimary ? this.#timeout : 2 * this.#timeout
    if (silence >= limit) this.#reconnect(node, state, now)
  }

  #rediscover(now: number): void {
    if (now - this.#rediscoveredAt < this.#timeout / CHECKS_PER_TIMEOUT) return
    this.#rediscoveredAt = now
    this.#client.rediscover?.(this.#isSilent)
  }

  #reconnect(node: string, state: WatchedNode, now: number): void {
    if (now - state.reconnectedAt < state.reconnectPause) return
    if (state.reconnectedAt > -Infinity)
      state.reconnectPause = Math.min(2 * state.reconnectPause, MAX_RECONNECT_PAUSE)
    state.reconnectedAt = now
    state.bytes = undefined
    this.#client.reconnect(node)
  }
}

/** The minimum timeout. A shorter one only says that the caller is in a hurry. */
const MIN_TIMEOUT = 250
/** Milliseconds between two checks of the role of a node that is used. */
const ROLE_INTERVAL = 1_000
/** The number of checks of silent nodes within one timeout. */
const CHECKS_PER_TIMEOUT = 4
const MAX_RECONNECT_PAUSE = 10_000
const MAX_NODES = 1_000
