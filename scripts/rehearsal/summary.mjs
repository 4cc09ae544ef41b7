// What a rehearsal has published.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const NOT_REHEARSED = `Not rehearsed, because only CI and npm can do it: trusted publishing,
provenance statements, and the signatures that "npm audit signatures" checks.`

/** Returns a table of the published packages, and what a rehearsal cannot show. */
export async function summary({ project, manifests }, url) {
  const rows = await Promise.all(
    manifests.map(async ({ name, version }) => ({
      name,
      version,
      size: await tarballSize(url, name, version),
      files: filesIn(join(project, 'node_modules', name)),
    })),
  )
  return `\n${table(rows)}\n\n${NOT_REHEARSED}\n`
}

/** Returns rows with columns of equal width, and their sums. */
export function table(rows) {
  const sum = (column) => rows.reduce((total, row) => total + row[column], 0)
  const all = [
    ['package', 'version', 'tarball', 'files'],
    ...rows.map(({ name, version, size, files }) => [name, version, inKiB(size), String(files)]),
    [`${rows.length} packages`, '', inKiB(sum('size')), String(sum('files'))],
  ]
  const widths = all[0].map((_, i) => Math.max(...all.map((cells) => cells[i].length)))
  return all
    .map((cells) =>
      cells
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  '),
    )
    .join('\n')
}

/** Downloads a tarball, as npm does, and returns its number of bytes. */
async function tarballSize(url, name, version) {
  const metadata = await (await fetch(url + name.replace('/', '%2f'))).json()
  const response = await fetch(metadata.versions[version].dist.tarball)
  return (await response.arrayBuffer()).byteLength
}

function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

function inKiB(bytes) {
  return `${(bytes / 1_024).toFixed(1)} KiB`
}
