import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitepress'
import { root } from './pages.js'

const examples = fileURLToPath(new URL('theme/examples', import.meta.url))
const shims = fileURLToPath(import.meta.resolve('@cache/browser/node-modules'))

/** Replaces the modules of Node.js that the packages import, so that they run in a page. */
export function browserModules(): Plugin {
  return {
    name: 'browser-modules',
    enforce: 'pre',
    // Otherwise Vite looks for dependencies in every HTML file of the repository.
    config: () => ({ optimizeDeps: { entries: [`${examples}/*.vue`] } }),
    resolveId(name, importer, { ssr }) {
      if (ssr || !importer?.startsWith(join(root, 'packages/'))) return undefined
      return builtinModules.includes(name.replace(/^node:/, '')) ? shims : undefined
    },
  }
}
