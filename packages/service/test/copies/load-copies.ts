import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'tsup'
import type * as everything from './everything.js'

const names = [
  '@cache/core',
  '@cache/core/ioredis',
  '@cache/core/node-redis',
  '@cache/aside',
  '@cache/hierarchical',
  '@cache/lock',
  '@cache/pubsub-invalidation',
  '@cache/ratelimit',
  '@cache/service',
  '@cache/sharding',
  '@cache/versioning',
  '@cache/write-behind',
  '@cache/write-through',
] as const

/** Everything that our packages export, by one name each. */
export type Copy = typeof everything

export type CopyName = 'esm' | 'cjs' | 'bundle'

/**
 * Three copies of all packages in this process, as they are published: what `import` finds, what
 * `require` finds, and a minified bundle of everything.
 */
export async function loadCopies(): Promise<Readonly<Record<CopyName, Copy>>> {
  const require = createRequire(import.meta.url)
  const all = (loaded: readonly object[]): Copy => Object.assign({}, ...loaded) as Copy
  return {
    esm: all(await Promise.all(names.map((name) => import(name) as Promise<object>))),
    cjs: all(names.map((name) => require(name) as object)),
    bundle: (await bundled()) as Copy,
  }
}

async function bundled(): Promise<unknown> {
  const outDir = await mkdtemp(join(tmpdir(), 'cache-bundle-'))
  try {
    const entry = { bundle: join(dirname(fileURLToPath(import.meta.url)), 'everything.ts') }
    const banner = {
      js: "import { createRequire } from 'node:module'; const require = createRequire('file:///')",
    }
    await build({
      entry,
      outDir,
      banner,
      config: false,
      format: 'esm',
      noExternal: [/^(?!node:)/],
      minify: true,
      silent: true,
      dts: false,
      outExtension: () => ({ js: '.mjs' }),
    })
    return await import(pathToFileURL(join(outDir, 'bundle.mjs')).href)
  } finally {
    await rm(outDir, { recursive: true })
  }
}
