// Type-checks and runs the code blocks of the READMEs and of apps/docs, so that the code that users
// copy works. Finds dead links in all documents.
//
// - ```ts is a whole program. It is type-checked, and run against a real Redis (REDIS_URL).
// - ```ts no-run is only type-checked.
// - ```ts from=apps/recipes/src/pg.ts must equal that file, which is type-checked and tested there.
//   So must ```js from=….
//
// A comment before a block can declare names that the block uses:
// <!-- with: … TypeScript … -->
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startRedis } from '@cache/testkit'
import { codeBlocks } from './code-blocks.mjs'
import { packagesOf } from './packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folders = ['.', ...packagesOf(root)]
const pages = documents().filter((file) => file.startsWith(join(root, 'apps/docs/')))
const checked = [
  ...new Set([
    ...folders.map((folder) => join(root, folder, 'README.md')).filter((file) => existsSync(file)),
    ...pages,
  ]),
]
const blocks = checked.flatMap((file) =>
  codeBlocks(readFileSync(file, 'utf8'), relative(root, file)),
)
const scratch = join(root, '.tmp', 'readmes')

rmSync(scratch, { recursive: true, force: true })
mkdirSync(scratch, { recursive: true })
writeFileSync(join(scratch, 'package.json'), '{"type":"module"}')
writeFileSync(
  join(scratch, 'tsconfig.json'),
  JSON.stringify({ extends: '../../tsconfig.base.json', include: ['*.ts'] }),
)
for (const { name, code } of blocks) writeFileSync(join(scratch, `${name}.ts`), code)

let failed = 0
for (const file of checked) for (const message of outdatedCopies(file)) fail(message)
for (const file of documents()) for (const message of deadLinks(file)) fail(message)
check(
  'types',
  blocks.map(({ file, line, name }) => `${name} = ${file}:${line}`).join('\n'),
  'pnpm',
  ['exec', 'tsc', '-p', scratch],
  {},
)
for (const block of blocks.filter(({ runs }) => runs)) {
  const server = await startRedis()
  check(
    `${block.file}:${block.line}`,
    '',
    'node',
    ['--import', 'tsx', join(scratch, `${block.name}.ts`)],
    { REDIS_URL: server.url },
  )
  await server.stop()
}
rmSync(scratch, { recursive: true, force: true })
const ran = blocks.filter(({ runs }) => runs).length
console.log(`${blocks.length} code blocks, ${ran} of them run, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

/** Returns a message for each block of a document that differs from the file in its `from=`. */
function outdatedCopies(file: string): string[] {
  const copies = readFileSync(file, 'utf8').matchAll(/^```[jt]s from=(\S+)\n([\s\S]*?)^```/gm)
  return [...copies].flatMap(([, from, code]) => {
    const original = join(root, from!)
    const same = existsSync(original) && readFileSync(original, 'utf8') === code
    return same ? [] : [`${relative(root, file)}: the block "from=${from}" differs from that file.`]
  })
}

/** Returns all Markdown files of the repository, except generated ones and changesets. */
function documents(): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md']
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8' })
  return files
    .split('\n')
    .filter((file) => file !== '' && !/(^|\/)api\/|^\.changeset\/|CHANGELOG/.test(file))
    .map((file) => join(root, file))
}

/** Returns a message for each link to a file or heading of the repository that does not exist. */
function deadLinks(file: string): string[] {
  const links = withoutCode(file).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)
  return [...links].flatMap(([, path, anchor]) => {
    const target = path ? join(dirname(file), path) : file
    const document = target.endsWith('.md') ? target : join(target, 'README.md')
    if (existsSync(target) && (anchor === undefined || anchorsOf(document).has(anchor))) return []
    return [`${relative(root, file)}: ${path}${anchor ? `#${anchor}` : ''} does not exist.`]
  })
}

/** Returns the anchors of a document's headings, as GitHub forms them. */
function anchorsOf(file: string): ReadonlySet<string> {
  if (!existsSync(file)) return new Set()
  const headings = withoutCode(file).matchAll(/^#{1,6} (.+)$/gm)
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

function withoutCode(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
}

function fail(message: string): void {
  failed++
  console.log(message)
}

function check(
  title: string,
  explanation: string,
  name: string,
  args: string[],
  env: Record<string, string>,
): void {
  try {
    execFileSync(name, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      env: { ...process.env, ...env },
    })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    fail(`${title} failed:\n${stdout}\n${stderr}\n${explanation}`)
  }
}
