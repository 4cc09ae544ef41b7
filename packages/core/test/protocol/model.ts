/** The actors of an exploration. */
export interface Setting {
  readonly writers: number
  readonly invalidators: number
  readonly readers: number
  /** The reads of each reader. */
  readonly reads: number
  /** Each value has its number as its version, and the newer one wins. */
  readonly versions: boolean
  /** The rule of the protocol to leave out. */
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

const STEPS = [
  'idle',
  'begun',
  'stored',
  'committed',
  'done',
  'dead',
  'missed',
  'loading',
  'filling',
  'answer',
] as const

interface Actor {
  kind: 'writer' | 'invalidator' | 'reader'
  step: (typeof STEPS)[number]
  left: number
  wrote: number
  inTime: boolean
  /** The highest number that was settled before the read began. */
  floor: number
  read: number | null
  token: number | null
}

export interface State {
  source: number
  settled: number
  value: number | null
  capped: boolean
  lease: number | null
  intents: number[]
  conflict: boolean
  actors: Actor[]
}

/** The entry protocol as a state machine: all steps that may follow a state. */
export class Protocol {
  readonly #setting: Setting

  constructor(setting: Setting) {
    this.#setting = setting
  }

  start(): State {
    const { writers, invalidators, readers, reads } = this.#setting
    const actor = (kind: Actor['kind']): Actor => ({
      kind,
      step: 'idle',
      left: kind === 'reader' ? reads : 1,
      wrote: 0,
      inTime: false,
      floor: 0,
      read: null,
      token: null,
    })
    const actors = (count: number, kind: Actor['kind']) =>
      Array.from({ length: count }, () => actor(kind))
    return {
      source: 0,
      settled: 0,
      value: null,
      capped: false,
      lease: null,
      intents: [],
      conflict: false,
      actors: [
        ...actors(writers, 'writer'),
        ...actors(invalidators, 'invalidator'),
        ...actors(readers, 'reader'),
      ],
    }
  }

  *next(state: State): Generator<{ label: string; state: State; stale: boolean }> {
    for (const [id, { kind, step }] of state.actors.entries()) {
      if (step === 'done' || step === 'dead') continue
      const after = copy(state)
      const stale = this[kind](after, after.actors[id]!, id)
      yield { label: `${kind} ${id} ${step}`, state: after, stale }
      if (kind !== 'reader' && step !== 'idle')
        yield this.#event(`${kind} ${id} dies`, state, (s) => die(s, id))
    }
    if (state.value !== null) yield this.#event('value evicted', state, (s) => put(s, null))
    if (state.lease !== null)
      yield this.#event('lease expires', state, (s) => {
        s.lease = null
      })
    if (state.intents.length > 0)
      yield this.#event('oldest intent expires', state, (s) => this.#expireOldestIntent(s))
  }

  #event(label: string, state: State, change: (s: State) => void) {
    const after = copy(state)
    change(after)
    return { label, state: after, stale: false }
  }

  #hasRule(rule: Rule): boolean {
    return this.#setting.without !== rule
  }

  writer(s: State, actor: Actor, id: number): boolean {
    switch (actor.step) {
      case 'idle':
        if (this.#hasRule('begin-lease')) s.lease = null
        if (s.intents.length > 0) s.conflict = true
        s.intents.push(id)
        s.capped = s.value !== null
        actor.step = 'begun'
        return false
      case 'begun':
        actor.wrote = ++s.source
        actor.inTime = s.intents.includes(id)
        actor.step = 'stored'
        return false
      case 'stored':
        this.#commit(s, actor, id)
        actor.step = 'committed'
        return false
      default:
        return acknowledge(s, actor)
    }
  }

  #commit(s: State, actor: Actor, id: number): void {
    const hasIntent = s.intents.includes(id)
    s.intents = s.intents.filter((other) => other !== id)
    s.lease = null
    if (this.#hasRule('expired-intent') && !hasIntent && s.intents.length > 0) s.conflict = true
    const conflict = this.#hasRule('conflict') && s.conflict
    if (this.#setting.versions) this.#commitVersion(s, actor.wrote, hasIntent, conflict)
    else put(s, hasIntent && !conflict ? actor.wrote : null)
    if (s.intents.length === 0) s.conflict = false
  }

  #commitVersion(s: State, version: number, hasIntent: boolean, conflict: boolean): void {
    if (this.#hasRule('newer-wins') && s.value !== null && s.value > version) return
    const proof = s.value !== null || !this.#hasRule('proof-of-nothing-newer')
    put(s, hasIntent && (!conflict || proof) ? version : null)
    s.capped = s.value !== null && this.#hasRule('cap-of-stored') && s.intents.length > 0
  }

  invalidator(s: State, actor: Actor): boolean {
    switch (actor.step) {
      case 'idle':
        actor.wrote = ++s.source
        actor.step = 'stored'
        return false
      case 'stored':
        put(s, null)
        if (this.#hasRule('invalidate-lease')) s.lease = null
        if (this.#hasRule('invalidate-conflict') && s.intents.length > 0) s.conflict = true
        actor.step = 'committed'
        return false
      default:
        return acknowledge(s, actor)
    }
  }

  reader(s: State, actor: Actor, id: number): boolean {
    switch (actor.step) {
      case 'idle':
        actor.floor = s.settled
        actor.read = s.value
        actor.step = s.value === null ? 'missed' : 'answer'
        return false
      case 'missed':
        actor.token = null
        // Without a token: the wait is over, or a write is in progress. Load, but do not fill.
        actor.step = 'loading'
        if (s.value !== null) {
          actor.read = s.value
          actor.step = 'answer'
        } else if (
          !(this.#hasRule('no-lease-under-intent') && s.intents.length > 0) &&
          s.lease === null
        )
          actor.token = s.lease = newToken(s, id)
        return false
      case 'loading':
        actor.read = s.source
        actor.step = actor.token === null ? 'answer' : 'filling'
        return false
      case 'filling':
        if (!this.#hasRule('lease-check') || s.lease === actor.token) {
          if (!(
            this.#setting.versions &&
            this.#hasRule('newer-wins') &&
            s.value !== null &&
            s.value > actor.read!
          ))
            put(s, actor.read)
          s.lease = null
        }
        actor.step = 'answer'
        return false
      default: {
        const stale = actor.read! < actor.floor
        actor.left--
        Object.assign(actor, {
          step: actor.left > 0 ? 'idle' : 'done',
          floor: 0,
          read: null,
          token: null,
        })
        return stale
      }
    }
  }

  #expireOldestIntent(s: State): void {
    const owner = s.actors[s.intents.shift()!]!
    if (s.intents.length === 0) s.conflict = false
    // A capped value lives no longer than the first intent that found it.
    if (this.#hasRule('cap') && s.capped) put(s, null)
    if (owner.step === 'dead' && owner.inTime) settle(s, owner.wrote)
  }
}

function put(s: State, value: number | null): void {
  s.value = value
  s.capped = false
}

function settle(s: State, wrote: number): void {
  s.settled = Math.max(s.settled, wrote)
}

function acknowledge(s: State, actor: Actor): boolean {
  settle(s, actor.wrote)
  actor.step = 'done'
  return false
}

function die(s: State, id: number): void {
  const actor = s.actors[id]!
  actor.step = 'dead'
  if (actor.inTime && !s.intents.includes(id)) settle(s, actor.wrote)
}

/** Returns an unused token. Tokens are only compared, so small numbers keep the states few. */
function newToken(s: State, id: number): number {
  const used = new Set([s.lease, ...s.actors.map(({ token }) => token)])
  let token = id
  while (used.has(token)) token += s.actors.length
  return token
}

function copy(s: State): State {
  return { ...s, intents: [...s.intents], actors: s.actors.map((actor) => ({ ...actor })) }
}

/** Returns a string that identifies the state. It has a character for each number. */
export function nameOf(s: State): string {
  const codes = [s.source, s.settled, codeOf(s.value), codeOf(s.lease)]
  codes.push(Number(s.capped), Number(s.conflict), s.intents.length, ...s.intents)
  for (const a of s.actors) {
    codes.push(STEPS.indexOf(a.step), a.left, a.wrote, Number(a.inTime), a.floor)
    codes.push(codeOf(a.read), codeOf(a.token))
  }
  return String.fromCharCode(...codes)
}

function codeOf(value: number | null): number {
  return value === null ? 0 : value + 1
}
