/**
 * Explores every interleaving of the entry protocol and looks for a stale read, shortest first.
 *
 * The source is a counter: each write commits the next number. A read is stale when it returns a
 * number lower than the highest one settled before the read began. A write is settled once it is
 * acknowledged (G1: nothing stale after the answer); one whose writer died after committing to the
 * source, once its intent has expired (G2: a crash heals itself).
 */
export interface Setting {
  readonly writers: number
  readonly invalidators: number
  readonly readers: number
  readonly reads: number
  /** Values carry their number as version, and the newer one wins. */
  readonly versions: boolean
  /** The rule to leave out. */
  readonly without?: Rule
}

export const rules = [
  'lease-check',
  'no-lease-under-intent',
  'cap',
  'begin-lease',
  'conflict',
  'expired-intent',
  'invalidate-lease',
  'invalidate-conflict',
] as const
export const versionRules = ['newer-wins', 'proof-of-nothing-newer', 'cap-of-stored'] as const
export type Rule = (typeof rules)[number] | (typeof versionRules)[number]

export interface Exploration {
  readonly states: number
  /** The steps that led to a stale read. */
  readonly violation: readonly string[] | undefined
}

export function explore(setting: Setting): Exploration {
  const protocol = new Protocol(setting)
  const seen = new Set<string>()
  const first = protocol.start()
  const pending: Trail[] = [{ state: first, label: '', before: undefined }]
  seen.add(nameOf(first))
  for (let i = 0; i < pending.length; i++) {
    const here = pending[i]!
    for (const step of protocol.next(here.state)) {
      if (step.stale) return { states: seen.size, violation: labelsOf({ ...step, before: here }) }
      const name = nameOf(step.state)
      if (seen.has(name)) continue
      seen.add(name)
      pending.push({ ...step, before: here })
    }
    delete (here as { state?: State }).state
  }
  return { states: seen.size, violation: undefined }
}

interface Trail {
  readonly state: State
  readonly label: string
  readonly before: Trail | undefined
}

function labelsOf(trail: Trail): string[] {
  const labels: string[] = []
  for (let at: Trail | undefined = trail; at?.before; at = at.before) labels.unshift(at.label)
  return labels
}

interface Actor {
  kind: 'writer' | 'invalidator' | 'reader'
  at: string
  left: number
  wrote: number
  inTime: boolean
  floor: number
  got: number | null
  token: number | null
}

interface State {
  source: number
  settled: number
  value: number | null
  capped: boolean
  lease: number | null
  intents: number[]
  conflict: boolean
  actors: Actor[]
}

class Protocol {
  readonly #setting: Setting

  constructor(setting: Setting) {
    this.#setting = setting
  }

  start(): State {
    const { writers, invalidators, readers, reads } = this.#setting
    const actor = (kind: Actor['kind']): Actor => ({
      kind,
      at: 'idle',
      left: kind === 'reader' ? reads : 1,
      wrote: 0,
      inTime: false,
      floor: 0,
      got: null,
      token: null,
    })
    const many = (n: number, kind: Actor['kind']) => Array.from({ length: n }, () => actor(kind))
    return {
      source: 0,
      settled: 0,
      value: null,
      capped: false,
      lease: null,
      intents: [],
      conflict: false,
      actors: [
        ...many(writers, 'writer'),
        ...many(invalidators, 'invalidator'),
        ...many(readers, 'reader'),
      ],
    }
  }

  *next(state: State): Generator<{ label: string; state: State; stale: boolean }> {
    for (const [id, { kind, at }] of state.actors.entries()) {
      if (at === 'done' || at === 'dead') continue
      const after = copy(state)
      const stale = this[kind](after, after.actors[id]!, id)
      yield { label: `${kind} ${id} ${at}`, state: after, stale }
      if (kind !== 'reader' && at !== 'idle')
        yield this.#happens(`${kind} ${id} dies`, state, (s) => die(s, id))
    }
    if (state.value !== null) yield this.#happens('value evicted', state, (s) => put(s, null))
    if (state.lease !== null)
      yield this.#happens('lease expires', state, (s) => {
        s.lease = null
      })
    if (state.intents.length > 0)
      yield this.#happens('oldest intent expires', state, (s) => this.#expireOldestIntent(s))
  }

  #happens(label: string, state: State, change: (s: State) => void) {
    const after = copy(state)
    change(after)
    return { label, state: after, stale: false }
  }

  #keeps(rule: Rule): boolean {
    return this.#setting.without !== rule
  }

  writer(s: State, me: Actor, id: number): boolean {
    switch (me.at) {
      case 'idle':
        if (this.#keeps('begin-lease')) s.lease = null
        if (s.intents.length > 0) s.conflict = true
        s.intents.push(id)
        s.capped = s.value !== null
        me.at = 'begun'
        return false
      case 'begun':
        me.wrote = ++s.source
        me.inTime = s.intents.includes(id)
        me.at = 'stored'
        return false
      case 'stored':
        this.#commit(s, me, id)
        me.at = 'committed'
        return false
      default:
        return acknowledge(s, me)
    }
  }

  #commit(s: State, me: Actor, id: number): void {
    const mine = s.intents.includes(id)
    s.intents = s.intents.filter((other) => other !== id)
    s.lease = null
    if (this.#keeps('expired-intent') && !mine && s.intents.length > 0) s.conflict = true
    const conflict = this.#keeps('conflict') && s.conflict
    if (this.#setting.versions) this.#commitVersion(s, me.wrote, mine, conflict)
    else put(s, mine && !conflict ? me.wrote : null)
    if (s.intents.length === 0) s.conflict = false
  }

  #commitVersion(s: State, version: number, mine: boolean, conflict: boolean): void {
    if (this.#keeps('newer-wins') && s.value !== null && s.value > version) return
    const proof = s.value !== null || !this.#keeps('proof-of-nothing-newer')
    put(s, mine && (!conflict || proof) ? version : null)
    s.capped = s.value !== null && this.#keeps('cap-of-stored') && s.intents.length > 0
  }

  invalidator(s: State, me: Actor): boolean {
    switch (me.at) {
      case 'idle':
        me.wrote = ++s.source
        me.at = 'stored'
        return false
      case 'stored':
        put(s, null)
        if (this.#keeps('invalidate-lease')) s.lease = null
        if (this.#keeps('invalidate-conflict') && s.intents.length > 0) s.conflict = true
        me.at = 'committed'
        return false
      default:
        return acknowledge(s, me)
    }
  }

  reader(s: State, me: Actor, id: number): boolean {
    switch (me.at) {
      case 'idle':
        me.floor = s.settled
        me.got = s.value
        me.at = s.value === null ? 'missed' : 'answer'
        return false
      case 'missed':
        me.token = null
        me.at = 'loading' // without a token: the wait is over, or a write is under way: load, don't fill
        if (s.value !== null) {
          me.got = s.value
          me.at = 'answer'
        } else if (
          !(this.#keeps('no-lease-under-intent') && s.intents.length > 0) &&
          s.lease === null
        )
          me.token = s.lease = newToken(s, id)
        return false
      case 'loading':
        me.got = s.source
        me.at = me.token === null ? 'answer' : 'filling'
        return false
      case 'filling':
        if (!this.#keeps('lease-check') || s.lease === me.token) {
          if (!(
            this.#setting.versions &&
            this.#keeps('newer-wins') &&
            s.value !== null &&
            s.value > me.got!
          ))
            put(s, me.got)
          s.lease = null
        }
        me.at = 'answer'
        return false
      default: {
        const stale = me.got! < me.floor
        me.left--
        Object.assign(me, { at: me.left > 0 ? 'idle' : 'done', floor: 0, got: null, token: null })
        return stale
      }
    }
  }

  #expireOldestIntent(s: State): void {
    const owner = s.actors[s.intents.shift()!]!
    if (s.intents.length === 0) s.conflict = false
    // capped values live no longer than the first intent that found them
    if (this.#keeps('cap') && s.capped) put(s, null)
    if (owner.at === 'dead' && owner.inTime) settle(s, owner.wrote)
  }
}

function put(s: State, value: number | null): void {
  s.value = value
  s.capped = false
}

function settle(s: State, wrote: number): void {
  s.settled = Math.max(s.settled, wrote)
}

function acknowledge(s: State, me: Actor): boolean {
  settle(s, me.wrote)
  me.at = 'done'
  return false
}

function die(s: State, id: number): void {
  const me = s.actors[id]!
  me.at = 'dead'
  if (me.inTime && !s.intents.includes(id)) settle(s, me.wrote)
}

/** Tokens are only ever compared: a reader's own number, other than those still about. */
function newToken(s: State, id: number): number {
  const used = new Set([s.lease, ...s.actors.map(({ token }) => token)])
  let token = id
  while (used.has(token)) token += s.actors.length
  return token
}

function copy(s: State): State {
  return { ...s, intents: [...s.intents], actors: s.actors.map((actor) => ({ ...actor })) }
}

function nameOf(s: State): string {
  let name = `${s.source},${s.settled},${s.value},${s.capped},${s.lease},${s.intents.join('.')},${s.conflict}`
  for (const a of s.actors)
    name += `|${a.at},${a.left},${a.wrote},${a.inTime},${a.floor},${a.got},${a.token}`
  return name
}
