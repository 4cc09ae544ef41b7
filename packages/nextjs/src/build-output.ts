import type {
  IncrementalCacheContext,
  IncrementalCacheValue,
  IncrementalGetContext,
} from './next-types.js'

interface FileReader {
  get(nextKey: string, context: IncrementalGetContext): Promise<IncrementalCacheValue | null>
}

type FileReaderClass = new (context: object) => FileReader

/**
 * Reads a page or route handler that `next build` has prerendered, with the class that Next.js uses
 * if there is no handler. Nothing is written, and nothing is kept in memory.
 */
export async function readBuildOutput(
  handlerContext: IncrementalCacheContext,
  nextKey: string,
  context: IncrementalGetContext,
): Promise<IncrementalCacheValue | null> {
  if (handlerContext.serverDistDir === undefined) return null
  const Reader = await (readerClass ??= loadReaderClass())
  const reader = new Reader({
    ...handlerContext,
    flushToDisk: false,
    maxMemoryCacheSize: 0,
    revalidatedTags: [],
  })
  return reader.get(nextKey, context)
}

let readerClass: Promise<FileReaderClass> | undefined

async function loadReaderClass(): Promise<FileReaderClass> {
  const module: unknown =
    // eslint-disable-next-line no-restricted-syntax -- Next.js has no public name for it.
    await import('next/dist/server/lib/incremental-cache/file-system-cache.js')
  let found = module as { default?: unknown }
  // How often the default export is wrapped depends on who imports it.
  while (typeof found !== 'function') found = found.default as typeof found
  return found as FileReaderClass
}
