import { LuaError } from './values.js'

/** What a pattern found: where, and its captures (a position is a number). */
export interface Match {
  readonly start: number
  readonly end: number
  readonly captures: readonly (string | number)[]
}

interface Capture {
  readonly start: number
  /** Characters; -1: still open, -2: a position. */
  length: number
}

const OPEN = -1
const POSITION = -2
const MOST_DEPTH = 200

/**
 * Lua's patterns. A matcher that goes back on failure, as the reference implementation (lstrlib.c)
 * describes it; positions count from 0 here.
 *
 * Source: https://www.lua.org/manual/5.1/manual.html#5.4.1
 */
export function match(text: string, pattern: string, from: number): Match | undefined {
  const isAnchored = pattern.startsWith('^')
  for (let start = from; start <= text.length; start++) {
    const matcher = new Matcher(text, pattern)
    const end = matcher.at(start, isAnchored ? 1 : 0)
    if (end !== undefined) return { start, end, captures: matcher.captured() }
    if (isAnchored) return undefined
  }
  return undefined
}

class Matcher {
  readonly #text: string
  readonly #pattern: string
  readonly #captures: Capture[] = []
  #depth = 0

  constructor(text: string, pattern: string) {
    this.#text = text
    this.#pattern = pattern
  }

  captured(): (string | number)[] {
    return this.#captures.map(({ start, length }) => {
      if (length === POSITION) return start + 1
      if (length === OPEN) throw new LuaError('unfinished capture')
      return this.#text.slice(start, start + length)
    })
  }

  /** Where the match of the pattern from `p` on ends; `undefined`: there is none at `s`. */
  at(s: number, p: number): number | undefined {
    if (++this.#depth > MOST_DEPTH) throw new LuaError('pattern too complex')
    try {
      return this.#at(s, p)
    } finally {
      this.#depth--
    }
  }

  #at(start: number, from: number): number | undefined {
    let [s, p] = [start, from]
    for (;;) {
      if (p === this.#pattern.length) return s
      switch (this.#pattern[p]) {
        case '(':
          return this.#pattern[p + 1] === ')'
            ? this.#open(s, p + 2, POSITION)
            : this.#open(s, p + 1, OPEN)
        case ')':
          return this.#close(s, p + 1)
        case '$':
          if (p + 1 === this.#pattern.length) return s === this.#text.length ? s : undefined
          break
        case '%': {
          const next = this.#pattern[p + 1]
          if (next === 'b') {
            const end = this.#balanced(s, p + 2)
            if (end === undefined) return undefined
            ;[s, p] = [end, p + 4]
            continue
          }
          if (next !== undefined && next >= '0' && next <= '9') {
            const end = this.#repeated(s, Number(next) - 1)
            if (end === undefined) return undefined
            ;[s, p] = [end, p + 2]
            continue
          }
        }
      }
      const after = this.#endOfClass(p)
      const fits = (at: number): boolean =>
        at < this.#text.length && this.#fits(this.#text[at]!, p, after)
      switch (this.#pattern[after]) {
        case '?': {
          const end = fits(s) ? this.at(s + 1, after + 1) : undefined
          if (end !== undefined) return end
          p = after + 1
          continue
        }
        case '*':
          return this.#most(s, after + 1, fits)
        case '+':
          return fits(s) ? this.#most(s + 1, after + 1, fits) : undefined
        case '-':
          for (;;) {
            const end = this.at(s, after + 1)
            if (end !== undefined) return end
            if (!fits(s)) return undefined
            s++
          }
        default:
          if (!fits(s)) return undefined
          s++
          p = after
      }
    }
  }

  #most(s: number, p: number, fits: (at: number) => boolean): number | undefined {
    let count = 0
    while (fits(s + count)) count++
    for (; count >= 0; count--) {
      const end = this.at(s + count, p)
      if (end !== undefined) return end
    }
    return undefined
  }

  #open(s: number, p: number, length: number): number | undefined {
    this.#captures.push({ start: s, length })
    const end = this.at(s, p)
    if (end === undefined) this.#captures.pop()
    return end
  }

  #close(s: number, p: number): number | undefined {
    const capture = this.#captures.findLast(({ length }) => length === OPEN)
    if (!capture) throw new LuaError('invalid pattern capture')
    capture.length = s - capture.start
    const end = this.at(s, p)
    if (end === undefined) capture.length = OPEN
    return end
  }

  #balanced(s: number, p: number): number | undefined {
    const [opening, closing] = [this.#pattern[p], this.#pattern[p + 1]]
    if (this.#text[s] !== opening) return undefined
    let depth = 1
    for (let at = s + 1; at < this.#text.length; at++) {
      if (this.#text[at] === closing) {
        if (--depth === 0) return at + 1
      } else if (this.#text[at] === opening) depth++
    }
    return undefined
  }

  #repeated(s: number, index: number): number | undefined {
    const capture = this.#captures[index]
    if (!capture || capture.length < 0) throw new LuaError('invalid capture index')
    const before = this.#text.slice(capture.start, capture.start + capture.length)
    return this.#text.startsWith(before, s) ? s + before.length : undefined
  }

  #endOfClass(p: number): number {
    const first = this.#pattern[p]
    if (first === '%') {
      if (p + 1 >= this.#pattern.length) throw new LuaError("malformed pattern (ends with '%')")
      return p + 2
    }
    if (first !== '[') return p + 1
    let at = p + 1
    if (this.#pattern[at] === '^') at++
    do {
      if (at >= this.#pattern.length) throw new LuaError("malformed pattern (missing ']')")
      at += this.#pattern[at] === '%' ? 2 : 1
    } while (this.#pattern[at] !== ']')
    return at + 1
  }

  #fits(character: string, p: number, after: number): boolean {
    switch (this.#pattern[p]) {
      case '.':
        return true
      case '%':
        return isOfClass(character, this.#pattern[p + 1]!)
      case '[':
        return this.#isInSet(character, p, after - 1)
      default:
        return this.#pattern[p] === character
    }
  }

  #isInSet(character: string, p: number, end: number): boolean {
    let at = p + 1
    const isNegated = this.#pattern[at] === '^'
    if (isNegated) at++
    for (; at < end; at++) {
      if (this.#pattern[at] === '%') {
        if (isOfClass(character, this.#pattern[++at]!)) return !isNegated
      } else if (this.#pattern[at + 1] === '-' && at + 2 < end) {
        if (this.#pattern[at]! <= character && character <= this.#pattern[at + 2]!)
          return !isNegated
        at += 2
      } else if (this.#pattern[at] === character) return !isNegated
    }
    return isNegated
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  a: /[A-Za-z]/,
  c: /[\0-\x1f\x7f]/,
  d: /\d/,
  l: /[a-z]/,
  p: /[!-/:-@[-`{-~]/,
  s: /[ \t-\r]/,
  u: /[A-Z]/,
  w: /[A-Za-z0-9]/,
  x: /[A-Fa-f0-9]/,
  z: /\0/,
}

function isOfClass(character: string, name: string): boolean {
  const pattern = CLASSES[name.toLowerCase()]
  if (pattern === undefined) return name === character
  return pattern.test(character) === (name === name.toLowerCase())
}
