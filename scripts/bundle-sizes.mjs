// Measures what an application bundles, and compares it with the committed numbers.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** A size may grow by so much before its committed number has to change. */
const TOLERANCE = { share: 0.03, bytes: 307 }

/**
 * Returns the gzipped bytes of the code that a bundler makes of a module: minified, tree-shaken,
 * with everything that it imports but for the `external` packages.
 */
export async function bundleSize(code, { resolveDir, external = [] }) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external,
    write: false,
    logLevel: 'silent', // Errors are thrown.
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

/**
 * Returns what is wrong with the measured sizes, a sentence for each: a size that has grown or
 * shrunk by more than 3 % or 0.3 KiB, is above its limit, or has no number.
 */
export function sizeProblems({ committed, measured, limits = {} }) {
  const problems = []
  for (const [name, bytes] of Object.entries(measured)) {
    const before = committed[name]
    if (bytes > limits[name])
      problems.push(`${name} is ${inKiB(bytes)}. Its limit is ${inKiB(limits[name])}.`)
    if (before === undefined) problems.push(`${name} has no committed size. It is ${inKiB(bytes)}.`)
    else if (Math.abs(bytes - before) > Math.min(before * TOLERANCE.share, TOLERANCE.bytes)) {
      const verb = bytes > before ? 'has grown' : 'has shrunk'
      problems.push(`${name} ${verb} from ${inKiB(before)} to ${inKiB(bytes)}.`)
    }
  }
  for (const name of Object.keys(committed))
    if (!(name in measured)) problems.push(`${name} is not measured any more.`)
  return problems
}

export function inKiB(bytes) {
  return `${(bytes / 1_024).toFixed(1)} KiB`
}

/**
 * Returns the README with the sizes in the last column of the table of packages. A package that is
 * not measured has a dash.
 */
export function withSizes(readme, sizes) {
  return readme.replaceAll(/^(\| \[`(@cache\/\S+)`\].*\|)[^|\n]*\|$/gm, (_, row, name) => {
    const bytes = sizes[name]
    return `${row} ${bytes === undefined ? '–' : inKiB(bytes)} |`
  })
}
