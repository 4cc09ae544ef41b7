// Bundles .lua files as strings, without their comments and indentation. For tsup and esbuild.
import { readFile } from 'node:fs/promises'
import luaparse from 'luaparse'

export const luaPlugin = {
  name: 'lua',
  setup(build) {
    build.onLoad({ filter: /\.lua$/ }, async ({ path }) => ({
      contents: withoutComments(await readFile(path, 'utf8')),
      loader: 'text',
    }))
  },
}

/**
 * Returns Lua with the same tokens. What is between two of them becomes a line break if it has one,
 * a space if it is not empty, and stays empty otherwise.
 *
 * @throws {SyntaxError} with the line, at what is no token.
 */
export function withoutComments(lua) {
  const lexer = luaparse.parse(lua, { wait: true, ranges: true, comments: false, ...DIALECT })
  let result = ''
  let end = 0
  for (;;) {
    const { type, range } = lexer.lex()
    if (type === luaparse.tokenTypes.EOF) return result === '' ? '' : `${result}\n`
    const gap = lua.slice(end, range[0])
    if (result !== '' && gap !== '') result += gap.includes('\n') ? '\n' : ' '
    result += lua.slice(...range)
    end = range[1]
  }
}

const DIALECT = { luaVersion: '5.1', encodingMode: 'pseudo-latin1' }
