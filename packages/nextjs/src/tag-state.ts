/** What Redis knows of the revalidations of a tag. The times are µs of its server's clock. */
export interface TagState {
  /** When the state was made. A state that was lost and made anew has another id. */
  readonly id: number
  /** The last revalidation. Entries that were loaded before it are stale. */
  readonly marked: number
  /** Entries that were loaded before it are expired. */
  readonly expired: number
  /** When entries that were loaded before `marked` expire; 0: never. */
  readonly deadline: number
}

/** What an entry remembers of one of its tags. */
export type TagStamp = readonly [tag: string, id: number, marked: number]

/** Whether an entry may be used: as it is, while a new one is generated, or not at all. */
export type Freshness = 'fresh' | 'stale' | 'expired'

/** Returns the worst of several answers. */
export function worst(answers: readonly Freshness[]): Freshness {
  if (answers.includes('expired')) return 'expired'
  return answers.includes('stale') ? 'stale' : 'fresh'
}

/**
 * Judges an entry that carries the tag. If the state was lost, a revalidation may have been lost
 * with it, so the entry is expired.
 */
export function judgeStamp(
  [, id, marked]: TagStamp,
  state: TagState | undefined,
  time: number,
): Freshness {
  if (state?.id !== id || marked > state.marked) return 'expired'
  return judge(marked, state, time)
}

/** Judges an entry that does not carry the tag, by the time when its load began. */
export function judgeLoad(loadedAt: number, state: TagState | undefined, time: number): Freshness {
  return state === undefined ? 'fresh' : judge(loadedAt, state, time)
}

/**
 * Returns what an entry has to remember of a tag; `undefined` if a revalidation has expired the
 * entry while it was loaded. An entry that was marked stale meanwhile is stored as a stale one.
 */
export function stampOf(
  tag: string,
  loadedAt: number,
  state: TagState,
  time: number,
): TagStamp | undefined {
  switch (judge(loadedAt, state, time)) {
    case 'expired':
      return undefined
    case 'stale':
      return [tag, state.id, Math.floor(loadedAt)]
    case 'fresh':
      return [tag, state.id, state.marked]
  }
}

function judge(since: number, { marked, expired, deadline }: TagState, time: number): Freshness {
  if (since < expired) return 'expired'
  if (since >= marked) return 'fresh'
  return deadline > 0 && time >= deadline ? 'expired' : 'stale'
}
