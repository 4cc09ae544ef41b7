import type { Invalidated } from './bus.js'

/**
 * Longer messages are neither sent nor read: 64 KiB of names, escaped in JSON, and what surrounds
 * them.
 */
export const MAX_MESSAGE_LENGTH = 256 * 1024
/** Maximum length of all names in a message together. */
export const MAX_NAMES_LENGTH = 64 * 1024
/** Maximum length of one prefix or group; a key can be just as long. */
export const MAX_NAME_LENGTH = 8 * 1024

export type DecodedMessage =
  | {
      readonly message: Invalidated
      readonly id: string
      /** Id of the message's entry in the log. */
      readonly at: string | undefined
    }
  | 'unreadable'
  | 'newer'

/** Encodes a message as JSON. */
export function encode(
  { from, sequence, keys, prefixes, groups }: Invalidated,
  id: string,
): string {
  return JSON.stringify({
    v: 1,
    from,
    nth: sequence,
    id,
    ...(keys.length > 0 && { keys }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(groups.length > 0 && { groups }),
  } satisfies Message)
}

/**
 * Decodes a message. Never throws. Returns `'newer'` for a message of an unknown version, which may
 * mean anything.
 */
export function decode(payload: string): DecodedMessage {
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
  const isValid =
    v === 1 &&
    typeof from === 'string' &&
    typeof nth === 'number' &&
    typeof id === 'string' &&
    [keys, prefixes, groups].every(isStringArray) &&
    (at === undefined || typeof at === 'string')
  return isValid
    ? {
        message: {
          from,
          sequence: nth,
          keys: unique(keys),
          prefixes: unique(prefixes),
          groups: unique(groups),
        },
        id,
        at,
      }
    : 'unreadable'
}

/** The JSON of a message, which programs in any language can send. Missing fields are empty. */
interface Message {
  /** Version of the format. */
  readonly v: 1
  readonly from: string
  /** Number of the message among all messages of its sender. */
  readonly nth: number
  /**
   * A random id, which tells two messages with the same content apart. A message without an id is
   * never taken for a duplicate.
   */
  readonly id?: string
  readonly keys?: readonly string[]
  readonly prefixes?: readonly string[]
  readonly groups?: readonly string[]
  /** Id of the message's entry in the log. */
  readonly at?: string
}

/** Removes duplicates, which cost a sender nothing and listeners much. */
function unique(names: readonly string[]): readonly string[] {
  return names.length < 2 ? names : [...new Set(names)]
}

function isStringArray(value: unknown): boolean {
  return Array.isArray(value) && value.every((element) => typeof element === 'string')
}
