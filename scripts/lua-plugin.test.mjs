import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import luaparse from 'luaparse'
import { luaPlugin, withoutComments } from './lua-plugin.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

test('comments, indentation and empty lines are left out', () => {
  const lua = `-- What it does.

local function add(a, b) -- adds
  return a   +   b --[[ inside ]] --[==[ over
  two lines ]==]
end
`
  assert.equal(withoutComments(lua), 'local function add(a, b)\nreturn a + b\nend\n')
})

test('strings stay as they are', () => {
  for (const string of [
    `'-- no comment'`,
    `"a   b\\" -- no \\' comment"`,
    `'--[[ none'`,
    '[[ long\n   -- no comment\n\n  end ]]',
    '[==[ ]] -- no comment ]==]',
    `'a\\\n   b'`,
  ])
    assert.equal(withoutComments(`  return   ${string}  -- one\n`), `return ${string}\n`)
})

test('tokens stay apart', () => {
  assert.equal(withoutComments('return a - -b, a --[[ x ]]b'), 'return a - -b, a b\n')
  assert.equal(withoutComments('local a--[[\n]]b()'), 'local a\nb()\n')
})

test('what is no Lua is refused', () => {
  assert.throws(() => withoutComments('return "open'), SyntaxError)
})

test('only comments become nothing', () => {
  assert.equal(withoutComments('-- one\n--[[ two ]]\n'), '')
})

test('the scripts of all packages mean the same without comments', () => {
  const files = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name, 'src'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.lua'))
  assert.ok(files.length > 50)
  for (const file of files) {
    const lua = readFileSync(file, 'utf8')
    const short = withoutComments(lua)
    assert.ok(short.length <= lua.length, file)
    assert.equal(withoutComments(short), short, file)
    assert.deepEqual(tokensOf(short), tokensOf(lua), file)
  }
})

test('a bundle has the short form', async () => {
  const { outputFiles } = await build({
    stdin: { contents: "export { default } from './time.lua'", resolveDir: timeFolder },
    bundle: true,
    write: false,
    format: 'esm',
    plugins: [luaPlugin],
  })
  const { default: bundled } = await import(
    `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
  )
  assert.equal(bundled, withoutComments(readFileSync(join(timeFolder, 'time.lua'), 'utf8')))
})

const timeFolder = join(root, 'packages/core/src/client')

function tokensOf(lua) {
  const lexer = luaparse.parse(lua, { wait: true, luaVersion: '5.1', comments: false })
  const tokens = []
  for (;;) {
    const { type, value } = lexer.lex()
    if (type === luaparse.tokenTypes.EOF) return tokens
    tokens.push([type, value])
  }
}
