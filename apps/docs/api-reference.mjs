// Writes the API reference of all published packages to `api/`, from their types and docstrings.
// Needs the built packages.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Application, Converter, ReflectionKind } from 'typedoc'
import { publishedPackages } from '../../scripts/packages.mjs'

const root = resolve(import.meta.dirname, '../..')
const entries = publishedPackages(root).flatMap(typesOf)
const tsconfig = join(root, '.tmp/api-reference.tsconfig.json')
mkdirSync(dirname(tsconfig), { recursive: true })
writeFileSync(tsconfig, JSON.stringify({ extends: '../tsconfig.base.json', files: entries }))

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme'],
  entryPoints: entries,
  tsconfig,
  out: join(import.meta.dirname, 'api'),
  docsRoot: import.meta.dirname,
  name: 'API reference',
  readme: 'none',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  outputFileStrategy: 'modules',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: false,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  propertyMembersFormat: 'table',
  typeDeclarationFormat: 'table',
  skipErrorChecking: true,
  logLevel: 'Warn',
  validation: { notExported: false, invalidLink: true, notDocumented: false },
})
// A module is named as users import it: "lock/dist/conformance" is "@cache/lock/conformance".
app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
  if (!reflection.kindOf(ReflectionKind.Module)) return
  reflection.name = `@cache/${reflection.name.replace('/dist', '')}`
})
const project = await app.convert()
if (!project) process.exit(1)
await app.generateOutputs(project)
repairAnchors(join(import.meta.dirname, 'api'))
process.exit(app.logger.hasErrors() ? 1 : 0)

/**
 * Removes numbers from links to headings that occur once. The generator counts the method `stats`
 * of `Hierarchical` as a heading like that of `HierarchicalStats`.
 */
function repairAnchors(folder) {
  const files = readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file))
  const headings = new Map(files.map((file) => [file, countHeadings(file)]))
  for (const file of files) {
    const repaired = readFileSync(file, 'utf8').replaceAll(
      /\]\(([^)#]*)#([a-z]+)-1\)/g,
      (link, path, heading) => {
        const target = path ? join(dirname(file), path) : file
        return headings.get(target)?.get(heading) === 1 ? `](${path}#${heading})` : link
      },
    )
    writeFileSync(file, repaired)
  }
}

function countHeadings(file) {
  const counts = new Map()
  for (const [, heading] of readFileSync(file, 'utf8').matchAll(/^#+ (\w+)/gm)) {
    const anchor = heading.toLowerCase()
    counts.set(anchor, (counts.get(anchor) ?? 0) + 1)
  }
  return counts
}

/** Returns the files of types of a published package: one for each name that users import. */
function typesOf({ path, manifest }) {
  return Object.entries(manifest.exports)
    .filter(([name, target]) => target.import && !name.endsWith('internal'))
    .map(([, target]) => join(root, path, target.import.types))
}
