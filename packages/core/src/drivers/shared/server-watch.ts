import type { CacheError } from '../../errors.js'

/** What a server says it is; `unknown` where it does not say. */
export type Role = 'primary' | 'replica' | 'unknown'

/** How `ServerWatch` asks about the servers behind a client, and gets another connection. */
export interface WatchedClient {
  /** Whether what is written to the node now goes out at once. */
  isConnected(node: string): boolean
  /**
   * Asks something that every server answers; resolves with its role, rejects if it does not
   * answer.
   */
  probe(node: string): Promise<Role>
  /** Bytes that the present connection has received; `undefined` where the client does not say. */
  bytesRead(node: string): number | undefined
  /** Gives the present connection up and has another made, wherever the primary is now. */
  reconnect(node: string): void
  /** Whether the node still has a part. */
  isKnown(node: string): boolean
  /** Asks the Cluster who owns what; of its nodes, one that is not silent. */
  rediscover?(isSilent: (node: string) => boolean): void
  /** The node may change its role while its address stays: it is asked for it while it is used. */
  readonly checksRole: boolean
  /** Its connection is how a new primary is found: it is given up sooner. */
  readonly findsPrimary: boolean
}

interface WatchedNode {
  /** When something was heard of it last, by `#sequence`. */
  heard: number
  /** Since when commands are unanswered, by `performance.now()`; `undefined` while it answers. */
  silentSince: number | undefined
  bytes: number | undefined
  /** When it was asked for its role, or for a sign of life. */
  probed: number
  /** Since when it is known to be a replica, by `performance.now()`. */
  replicaSince: number | undefined
  /** The connection that was made after that leads to a replica as well. */
  staysReplica: boolean
  /** When its connection was given up last, and how long the next one is left alone. */
  reconnected: number
  patience: number
}

/**
 * Watches whether the servers behind a client answer, and whether they are primaries.
 *
 * A server is *silent* since the oldest command that got no reply in time while nothing else was
 * heard from it either. A reply that comes too late for its caller is a sign of life, so one
 * caller's short deadline is never a silence. A connection that stays silent (its peer is gone
 * without a word, or hangs) is given up, and so is one that leads to a replica (its primary was
 * demoted): another is made, and on a Cluster the owners are looked up again.
 */
export class ServerWatch {
  readonly #client: WatchedClient
  readonly #base: number
  readonly #changed: () => void
  readonly #nodes = new Map<string, WatchedNode>()
  #sequence = 0
  #silent = 0
  #rediscovered = -Infinity
  #timer: NodeJS.Timeout | undefined
  #timerDue = 0
  #closed = false

  /**
   * `timeout`: ms that a server may take to answer. `changed` is called when a node becomes a
   * replica or a primary.
   */
  constructor(client: WatchedClient, timeout: number, changed: () => void) {
    this.#client = client
    this.#base = Math.max(timeout, SHORTEST)
    this.#changed = changed
  }

  /** Counts a write; what is heard later has a higher number. `now` by `performance.now()`. */
  wrote(now: number): number {
    if (this.#client.checksRole && now - this.#node('').probed > ROLE_EVERY) this.#probe('', now)
    return ++this.#sequence
  }

  /** A reply came, in time or not. */
  heard(node: string): void {
    const state = this.#node(node)
    state.heard = ++this.#sequence
    if (state.silentSince !== undefined) this.#answers(state)
  }

  /** The reply was that this is not the server for it. */
  refused(node: string, { code }: CacheError): void {
    if (this.#closed) return
    const state = this.#node(node)
    if (this.#client.rediscover) this.#rediscover(performance.now())
    else if (code === 'READONLY') this.#learnRole(node, state, 'replica')
    else this.#reconnect(node, state, performance.now())
  }

  /**
   * A command that was sent at `since` got no reply in time. `written`: its number, `undefined` if
   * it was never written.
   */
  unanswered(node: string, since: number, written: number | undefined): void {
    if (this.#closed) return
    const state = this.#node(node)
    if (written !== undefined && state.heard > written) return
    if (state.silentSince === undefined) {
      this.#silent++
      state.bytes = this.#client.bytesRead(node)
      // The connection is new, or has been good so far.
      state.patience = this.#base
    }
    state.silentSince = Math.min(state.silentSince ?? Infinity, since)
    this.#arm()
  }

  /** A connection was made. */
  connected(): void {
    const now = performance.now()
    if (this.#client.checksRole || this.#silent > 0)
      for (const node of this.#nodes.keys()) this.#probe(node, now)
  }

  /** Commands must not go there: it is a replica. */
  isReplica(node: string): boolean {
    return this.#nodes.get(node)?.replicaSince !== undefined
  }

  /**
   * It is no use to wait for a primary: another connection was made, and leads to a replica, too.
   */
  staysReplica(node: string): boolean {
    return this.#nodes.get(node)?.staysReplica === true
  }

  /** Ms for which a node has been silent; 0 if it is not. */
  silentFor(node: string): number {
    const since = this.#silent === 0 ? undefined : this.#nodes.get(node)?.silentSince
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
      if (this.#nodes.size >= MOST_NODES) this.#forgetOne()
      const never = {
        heard: 0,
        silentSince: undefined,
        bytes: undefined,
        probed: -Infinity,
        reconnected: -Infinity,
      }
      this.#nodes.set(
        node,
        (state = { ...never, replicaSince: undefined, staysReplica: false, patience: this.#base }),
      )
    }
    return state
  }

  /** Nodes of a Cluster come and go. */
  #forgetOne(): void {
    for (const [node, { silentSince }] of this.#nodes) {
      if (silentSince !== undefined) continue
      this.#nodes.delete(node)
      return
    }
  }

  #answers(state: WatchedNode): void {
    state.silentSince = undefined
    state.patience = this.#base
    this.#silent--
  }

  #learnRole(node: string, state: WatchedNode, role: Role): void {
    const { replicaSince, staysReplica } = state
    if (role === 'replica') {
      state.replicaSince ??= performance.now()
      state.staysReplica = state.reconnected > state.replicaSince
      // The replies that came together with this one are delivered before their connection ends.
      setImmediate(() => {
        if (!this.#closed && state.replicaSince !== undefined)
          this.#reconnect(node, state, performance.now())
      })
      this.#arm()
    } else {
      state.replicaSince = undefined
      state.staysReplica = false
      state.patience = this.#base
    }
    if (replicaSince !== state.replicaSince || staysReplica !== state.staysReplica) this.#changed()
  }

  #probe(node: string, now: number): void {
    const state = this.#node(node)
    state.probed = now
    if (!this.#client.isConnected(node)) return
    this.#client.probe(node).then(
      (role) => {
        if (this.#closed) return
        this.heard(node)
        if (role === 'replica' || state.replicaSince !== undefined)
          this.#learnRole(node, state, role)
      },
      () => undefined, // its connection was lost, which is told elsewhere
    )
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#closed) return
    const pause = this.#base / LOOKS
    this.#timerDue = performance.now() + pause
    this.#timer = setTimeout(() => setImmediate(() => this.#look(pause)), pause)
    this.#timer.unref()
  }

  #look(pause: number): void {
    this.#timer = undefined
    if (this.#closed) return
    const now = performance.now()
    let open = false
    for (const [node, state] of this.#nodes) {
      if (state.silentSince === undefined && state.replicaSince === undefined) continue
      if (!this.#client.isKnown(node)) {
        if (state.silentSince !== undefined) this.#silent--
        this.#nodes.delete(node)
        continue
      }
      open = true
      // A process that was blocked itself has nothing to say about others.
      if (now - this.#timerDue < pause) this.#lookAt(node, state, now)
    }
    if (open) this.#arm()
  }

  #lookAt(node: string, state: WatchedNode, now: number): void {
    const bytes = this.#client.bytesRead(node)
    // Part of a long reply is a sign of life, too.
    const grown = state.bytes !== undefined && bytes !== undefined && bytes > state.bytes
    state.bytes = bytes
    if (grown) this.heard(node)
    if (now - state.probed >= this.#base / 2) this.#probe(node, now)
    if (state.silentSince === undefined) return
    const silence = now - state.silentSince
    if (silence >= this.#base) this.#rediscover(now)
    const limit = this.#client.findsPrimary ? this.#base : 2 * this.#base
    if (silence >= limit) this.#reconnect(node, state, now)
  }

  #rediscover(now: number): void {
    if (now - this.#rediscovered < this.#base / LOOKS) return
    this.#rediscovered = now
    this.#client.rediscover?.(this.#isSilent)
  }

  #reconnect(node: string, state: WatchedNode, now: number): void {
    if (now - state.reconnected < state.patience) return
    if (state.reconnected > -Infinity)
      state.patience = Math.min(2 * state.patience, LONGEST_PATIENCE)
    state.reconnected = now
    state.bytes = undefined
    this.#client.reconnect(node)
  }
}

/** A shorter timeout is the caller's hurry, and says nothing about the server. */
const SHORTEST = 250
const ROLE_EVERY = 1_000
/** Looks at what is silent, in the time that a server may take to answer. */
const LOOKS = 4
const LONGEST_PATIENCE = 10_000
const MOST_NODES = 1_000
