// Corrects the source maps of packages that tsup splits into chunks. For CommonJS, tsup converts
// each chunk a second time. The maps then also name the chunk itself, by an absolute path.
import { readFileSync, writeFileSync } from 'node:fs'
import { decode, encode } from '@jridgewell/sourcemap-codec'

/** A tsup plugin: source maps name only files of `src`, and contain all of them. */
export const sourceMapPlugin = {
  name: 'source-maps',
  buildEnd({ writtenFiles }) {
    for (const { name } of writtenFiles.filter((file) => file.name.endsWith('.map'))) {
      const map = onlySources(JSON.parse(readFileSync(name, 'utf8')))
      writeFileSync(name, JSON.stringify(map))
    }
  },
}

/** Returns a source map without the sources that are outside of `../src/`, and their mappings. */
export function onlySources(map) {
  const kept = map.sources.flatMap((source, i) => (source.startsWith('../src/') ? [i] : []))
  const position = new Map(kept.map((before, after) => [before, after]))
  const lines = decode(map.mappings).map((segments) =>
    segments
      .filter(([, source]) => source === undefined || position.has(source))
      .map(([column, source, ...rest]) =>
        source === undefined ? [column] : [column, position.get(source), ...rest],
      ),
  )
  return {
    ...map,
    file: map.file?.split(/[\\/]/).at(-1),
    sources: kept.map((i) => map.sources[i]),
    sourcesContent: kept.map((i) => map.sourcesContent[i]),
    mappings: encode(lines),
  }
}
