import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('../../../apps/docs/operate/acl.md', import.meta.url), 'utf8')

/** The rules of a table of apps/docs/operate/acl.md, by the text of its first column. */
export function rulesOf(heading: string): ReadonlyMap<string, readonly string[]> {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`acl.md has no section "${heading}"`)
  const rows = section.matchAll(/^\| (.+?) +\| `(.+)` +\|$/gm)
  return new Map(
    [...rows].map(([, name, rules]) => [
      name!.replaceAll('`', '').replace('@cache/', ''),
      rules!.replaceAll('\\|', '|').split(' '),
    ]),
  )
}

/** The row of the page for each of `packageUses` that needs more than every package. */
export const rowOf: Readonly<Record<string, string>> = {
  'pubsub-invalidation': 'createInvalidationBus',
}
