// Which files of the repository are pages of the site, and where.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

const { homepage, repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  homepage: string
  repository: { url: string }
}
export { homepage }
export const repositoryUrl = repository.url.replace(/^git\+|\.git$/g, '')

/** The files of the root and of `apps` that are pages besides those below `apps/docs`. */
const others: Record<string, string> = {
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
  'apps/bench/README.md': 'benchmarks.md',
}

/** Returns the path of the page that a file becomes, or `undefined` if it is no page. */
export function pageOf(file: string): string | undefined {
  const name = /^packages\/([^/]+)\/README\.md$/.exec(file)?.[1]
  if (name) return name === 'testkit' ? undefined : `patterns/${name}.md`
  const page = /^apps\/docs\/(?!README\.md|node_modules)(.+\.md)$/.exec(file)?.[1]
  return others[file] ?? page?.replace(/(^|\/)README\.md$/, '$1index.md')
}

/** Returns where a link of a document leads on the site: to a page, or to the repository. */
export function linkFrom(file: string, href: string): string {
  if (/^(\w+:|#|\/)/.test(href) || href === '') return href
  const [path, anchor] = href.split('#') as [string, string?]
  const target = relative(root, join(root, dirname(file), path))
  const hash = anchor === undefined ? '' : `#${anchor}`
  const absolute = join(root, target)
  if (!existsSync(absolute)) throw new Error(`${file}: ${href} does not exist.`)
  const isFolder = statSync(absolute).isDirectory()
  const document = isFolder ? join(target, 'README.md') : target
  const page = existsSync(join(root, document)) ? pageOf(document) : undefined
  if (page) return `/${page}${hash}`
  return `${repositoryUrl}/${isFolder ? 'tree' : 'blob'}/main/${target}${hash}`
}
