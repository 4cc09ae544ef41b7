// Finds the TypeScript programs in Markdown.

/**
 * Returns the code blocks of a document that are marked `ts` (type-checked and run) or `ts no-run`
 * (only type-checked). A comment before a block can declare names that the block uses:
 * `<!-- with: … TypeScript … -->`. `path` names the document; it becomes part of the blocks' names.
 */
export function codeBlocks(text, path) {
  const blocks = text.matchAll(/(?:<!-- with:([\s\S]*?)-->\s*)?^```ts( no-run)?\n([\s\S]*?)^```/gm)
  return [...blocks].map(({ index, 1: declarations = '', 2: noRun, 3: code }) => {
    const line = text.slice(0, index).split('\n').length
    return {
      file: path,
      line,
      code: `${declarations}\n${code}\nexport {}\n`,
      runs: noRun === undefined,
      name: `${path.replaceAll(/[^a-z]/gi, '_')}_${line}`,
    }
  })
}

/** Returns the names of the packages that a program imports, without those of Node. */
export function importedPackages(code) {
  const modules = code.matchAll(/\b(?:from|import)\s*\(?\s*'([^'.][^']*)'/g)
  const names = [...modules].flatMap(([, module]) => {
    if (module.startsWith('node:')) return []
    return [module.split('/', module.startsWith('@') ? 2 : 1).join('/')]
  })
  return [...new Set(names)]
}
