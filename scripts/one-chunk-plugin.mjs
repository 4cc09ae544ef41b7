// Makes the entry points of a package share one chunk. For tsup and esbuild with code splitting.
import { resolve } from 'node:path'

/**
 * Puts `files`, and all that they import, into one chunk that every entry point imports.
 *
 * esbuild makes a chunk for each set of entry points that have modules in common. Each is another
 * file that a process has to resolve, read and link when it starts. This plugin is for modules that
 * nearly every process loads, whatever its entry points are.
 *
 * It does not work with files that are injected, such as the `shims` of tsup: their imports are not
 * seen in the shared chunk.
 */
export const oneChunkPlugin = (files) => ({
  name: 'one-chunk',
  setup(build) {
    const root = build.initialOptions.absWorkingDir ?? process.cwd()
    if (build.initialOptions.inject?.length > 0)
      throw new Error('one-chunk does not work with injected files (the option "shims" of tsup)')
    const load = (statements) => ({ contents: statements.join('\n'), resolveDir: root })

    build.onResolve({ filter: /.*/ }, ({ path, kind }) =>
      kind === 'entry-point' ? { path: resolve(root, path), namespace: 'entry-point' } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'entry-point' }, ({ path }) =>
      load([`export * from ${JSON.stringify(path)}`, `import 'one-chunk'`]),
    )
    build.onResolve({ filter: /^one-chunk$/ }, ({ path }) => ({
      path,
      namespace: 'one-chunk',
      sideEffects: true, // Otherwise the import would be left out.
    }))
    build.onLoad({ filter: /.*/, namespace: 'one-chunk' }, () =>
      load(files.map((file) => `export * from ${JSON.stringify(resolve(root, file))}`)),
    )
  },
})
