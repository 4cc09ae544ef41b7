// Generates the clients of schema.prisma, for both versions of Prisma. The tests and the type check
// do so before they start.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const folder = (path) => fileURLToPath(new URL(path, import.meta.url))

export default function generate() {
  run(folder('.'))
  const schema = readFileSync(folder('schema.prisma'), 'utf8')
    .replace('"./generated"', '"./client"')
    .replace('provider = "postgresql"', 'provider = "postgresql"\n  url = env("DATABASE_URL")')
  mkdirSync(folder('prisma-6/generated'), { recursive: true })
  writeFileSync(folder('prisma-6/generated/schema.prisma'), schema)
  run(folder('prisma-6/generated/'))
}

function run(cwd) {
  const prisma = createRequire(cwd).resolve('prisma/build/index.js')
  execFileSync(process.execPath, [prisma, 'generate', '--schema', 'schema.prisma', '--no-hints'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      // Prisma downloads a missing engine. These clients use no engine, so any existing file works.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate()
