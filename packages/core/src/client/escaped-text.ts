/**
 * Returns a text with `:`, `%`, `{` and `}` percent-escaped, or `undefined` if it has control
 * characters or lone surrogates.
 *
 * @example escapedText('user:42') // 'user%3A42'
 */
export function escapedText(text: string): string | undefined {
  return (text.length <= MAX_SHORT ? escapedShortText(text) : undefined) ?? escapedAnyText(text)
}

/**
 * Escapes a short text of Latin-1 characters, as nearly every id is, and returns `undefined` for
 * any other. It assembles the result as bytes: a text that is put together from many parts is
 * slower to write to a socket.
 */
function escapedShortText(text: string): string | undefined {
  let size = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isLetterOrDigit(code)) BYTES[size++] = code
    else if (isEscaped(code)) {
      BYTES[size++] = PERCENT
      BYTES[size++] = hexDigit(code >> 4)
      BYTES[size++] = hexDigit(code & 15)
    } else if (isUnprintable(code) || code > 0xff) return undefined
    else BYTES[size++] = code
  }
  return BYTES.toString('latin1', 0, size)
}

function escapedAnyText(text: string): string | undefined {
  let escaped = ''
  let copied = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isLetterOrDigit(code)) continue
    if (isEscaped(code)) {
      escaped += `${text.slice(copied, i)}%${code.toString(16).toUpperCase()}`
      copied = i + 1
    } else if (isUnprintable(code)) return undefined
    else if (isSurrogate(code)) {
      i++
      if (isLowSurrogate(code) || !isLowSurrogate(text.charCodeAt(i))) return undefined
    }
  }
  return copied === 0 ? text : escaped + text.slice(copied)
}

/** Whether this is surely a character without an escape. Most characters are, so it comes first. */
function isLetterOrDigit(code: number): boolean {
  return (code > 0x3a && code < 0x7b) || (code >= 0x30 && code < 0x3a)
}

function isEscaped(code: number): boolean {
  return code === 0x3a || code === PERCENT || code === 0x7b || code === 0x7d
}

function isUnprintable(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0)
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xe000
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000
}

function hexDigit(value: number): number {
  return value < 10 ? 0x30 + value : 0x37 + value
}

const PERCENT = 0x25
const MAX_SHORT = 256
/** What one call assembles. An escaped character takes three bytes. */
const BYTES = Buffer.alloc(3 * MAX_SHORT)
