import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitepress'
import { root } from './pages.js'

const shims = fileURLToPath(import.meta.resolve('@cache/browser/node-modules'))

/** Replaces the modules of Node.js that the packages import, so that they run in a page. */
export function browserModules(): Plugin {
  return {
    name: 'browser-modules',
    enforce: 'pre',
    config: () => ({
      optimizeDeps: {
        include: [
          '@cache/browser > buffer',
          '@cache/browser > @noble/hashes/legacy.js',
          '@cache/memory > luaparse',
          '@cache/core > cockatiel',
          '@cache/core > cluster-key-slot',
          '@cache/ratelimit > lru-cache',
        ],
      },
    }),
    resolveId(name, importer, { ssr }) {
      if (ssr || !importer?.startsWith(`${root}/packages/`.replace('//', '/'))) return undefined
      return builtinModules.includes(name.replace(/^node:/, '')) ? shims : undefined
    },
  }
}
