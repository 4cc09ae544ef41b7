import luaparse from 'luaparse'

/** The options of the parser for Lua 5.1. */
export const options = {
  luaVersion: '5.1',
  encodingMode: 'pseudo-latin1',
  comments: false,
} as const

/** Stands before the parentheses of an expression, which have one value. */
export const ONE = '__one'

/**
 * The parser forgets the parentheses of an expression, but `(f())` has one value where `f()` has
 * several. So a name is put before them, which the parser takes for that of a function.
 */
export function markParentheses(source: string): string {
  const tokens = luaparse.parse('', { ...options, wait: true }) as unknown as Lexer
  tokens.write(source)
  let marked = ''
  let written = 0
  let before: Token | undefined
  for (let token = tokens.lex(); token.type !== END_OF_FILE; token = tokens.lex()) {
    if (token.value === '(' && token.type === PUNCTUATOR && !mayBeCalled(before)) {
      marked += source.slice(written, token.range[0]) + ONE
      written = token.range[0]
    }
    before = token
  }
  return marked + source.slice(written)
}

interface Token {
  readonly type: number
  readonly value: unknown
  readonly range: readonly [from: number, to: number]
}

interface Lexer {
  write(source: string): void
  lex(): Token
}

const {
  EOF: END_OF_FILE,
  Punctuator: PUNCTUATOR,
  StringLiteral: STRING,
  Identifier: NAME,
} = (luaparse as unknown as { readonly tokenTypes: Readonly<Record<string, number>> }).tokenTypes

/** Whether parentheses behind this token are those of a call or of parameters. */
function mayBeCalled(token: Token | undefined): boolean {
  if (token === undefined) return false
  if (token.type === NAME || token.type === STRING || token.value === 'function') return true
  return token.type === PUNCTUATOR && [')', ']', '}'].includes(token.value as string)
}
