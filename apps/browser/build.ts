import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build, type BuildOptions } from 'esbuild'

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const modules = builtinModules.filter((name) => name !== 'buffer')
const shims = file('src/shims/node-modules.ts')

/** Options of esbuild that replace what the packages use of Node.js by `src/shims`. */
export const options = {
  entryPoints: [file('src/main.ts')],
  inject: [file('src/shims/globals.ts')],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  plugins: [
    {
      name: 'node-modules',
      setup({ onResolve }) {
        onResolve({ filter: new RegExp(`^(node:)?(${modules.join('|')})$`) }, () => ({
          path: shims,
        }))
        // The shims get the npm package `buffer`.
        onResolve({ filter: /^(node:)?buffer$/ }, ({ importer }) =>
          importer.includes('shims') ? undefined : { path: shims },
        )
      },
    },
  ],
} satisfies BuildOptions

/** Bundles the example, and returns the script. */
export async function bundle(): Promise<string> {
  const { outputFiles } = await build({ ...options, write: false, logLevel: 'silent' })
  return outputFiles[0]!.text
}
