// Derives what registries show about the published packages from the package.json of the root.

/** The keywords that a package needs beside those of all packages. */
const MIN_OWN_KEYWORDS = 3

/**
 * Returns the manifest of a published package with its metadata. `license`, `author`, `engines` and
 * the first keywords equal those of the root. `repository`, `homepage` and `bugs` lead from there
 * to the package. All other fields stay as they are.
 */
export function withMetadata(manifest, root, folder) {
  const { name, version, description, keywords = [], ...others } = manifest
  for (const field of DERIVED) delete others[field]
  return {
    name,
    version,
    description,
    keywords: [...new Set([...root.keywords, ...keywords])],
    license: root.license,
    author: root.author,
    homepage: `${root.homepage}patterns/${folder}`,
    repository: { ...root.repository, directory: `packages/${folder}` },
    bugs: root.bugs,
    engines: root.engines,
    ...others,
    publishConfig: root.publishConfig,
  }
}

const DERIVED = ['license', 'author', 'homepage', 'repository', 'bugs', 'engines', 'publishConfig']

/**
 * Returns what is wrong with a published package, a sentence for each problem. `license` is the
 * text of its LICENSE.
 */
export function metadataProblems({ manifest, root, folder, license, rootLicense }) {
  const problems = []
  const expected = withMetadata(manifest, root, folder)
  for (const field of [...DERIVED, 'keywords'])
    if (JSON.stringify(manifest[field]) !== JSON.stringify(expected[field]))
      problems.push(`\`${field}\` must be ${JSON.stringify(expected[field])}.`)
  const own = expected.keywords.length - root.keywords.length
  if (own < MIN_OWN_KEYWORDS)
    problems.push(`\`keywords\` needs ${MIN_OWN_KEYWORDS} that describe this package, not ${own}.`)
  if (!manifest.description) problems.push('`description` is missing.')
  for (const file of PUBLISHED_FILES)
    if (!manifest.files?.includes(file)) problems.push(`\`files\` does not name ${file}.`)
  if (license !== rootLicense) problems.push('LICENSE differs from the LICENSE of the root.')
  for (const [name, range] of Object.entries(manifest.dependencies ?? {}))
    if (name.startsWith(`${scopeOf(manifest)}/`) && range !== 'workspace:^')
      problems.push(`\`dependencies\` must name ${name} with workspace:^, not ${range}.`)
  for (const name of Object.keys(manifest.peerDependencies ?? {}))
    if (name.startsWith(`${scopeOf(manifest)}/`))
      problems.push(`${name} must be in \`dependencies\`, not in \`peerDependencies\`.`)
  return problems
}

/** What is in every tarball, beside package.json. */
export const PUBLISHED_FILES = ['dist', 'README.md', 'LICENSE', 'CHANGELOG.md']

/** Returns the configuration of changesets in which all published packages have one version. */
export function withFixedVersions(config, names) {
  return { ...config, fixed: [[...names].sort()] }
}

function scopeOf({ name }) {
  return name.split('/')[0]
}
