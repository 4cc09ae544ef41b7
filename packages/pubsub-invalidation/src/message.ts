import type { Invalidated } from './bus.js'

/** As it travels: JSON, which any language can write, of a version. What is missing is empty. */
interface Message {
  readonly v: 1
  readonly from: string
  readonly nth: number
  /**
   * Random: what tells two messages that say the same apart. A message without one is never taken
   * for another.
   */
  readonly id?: string
  readonly keys?: readonly string[]
  readonly prefixes?: readonly string[]
  readonly groups?: readonly string[]
  /** Its place in the log. */
  readonly at?: string
}

/**
 * Longer messages are neither sent nor read: names of 64 KiB, escaped in JSON, and what is around
 * them.
 */
export const MAX_MESSAGE_LENGTH = 256 * 1024
export const MAX_NAMES_LENGTH = 64 * 1024
/** Of one prefix or group; as long as a key may be. */
export const MAX_NAME_LENGTH = 8 * 1024

export type Read =
  | { readonly message: Invalidated; readonly id: string; readonly at: string | undefined }
  | 'unreadable'
  | 'newer'

export function encode({ from, nth, keys, prefixes, groups }: Invalidated, id: string): string {
  return JSON.stringify({
    v: 1,
    from,
    nth,
    id,
    ...(keys.length > 0 && { keys }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(groups.length > 0 && { groups }),
  } satisfies Message)
}

/** Never throws. `'newer'`: of a version that we don't know; anything may be meant. */
export function decode(payload: string): Read {
  if (payload.length > MAX_MESSAGE_LENGTH) return 'unreadable'
  let message: Partial<Message> | null
  try {
    message = JSON.parse(payload) as Partial<Message> | null
  } catch {
    return 'unreadable'
  }
  if (typeof message !== 'object' || message === null) return 'unreadable'
  if (typeof message.v === 'number' && message.v > 1) return 'newer'
  const { v, from = '', nth = 0, id = '', keys = [], prefixes = [], groups = [], at } = message
  const fits =
    v === 1 &&
    typeof from === 'string' &&
    typeof nth === 'number' &&
    typeof id === 'string' &&
    [keys, prefixes, groups].every(isTexts) &&
    (at === undefined || typeof at === 'string')
  return fits
    ? {
        message: { from, nth, keys: once(keys), prefixes: once(prefixes), groups: once(groups) },
        id,
        at,
      }
    : 'unreadable'
}

/** Without doubles: work for listeners that costs a sender nothing. */
function once(names: readonly string[]): readonly string[] {
  return names.length < 2 ? names : [...new Set(names)]
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
