// What the site does with the Markdown of the repository: one text serves GitHub and the site.
import { relative } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'
import { linkFrom, root } from './pages.js'

/** Returns the anchor of a heading, as GitHub forms it. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '')
    .replaceAll(' ', '-')
}

/** Rewrites links to files, shows diagrams, and declares names that a block uses. */
export function adaptMarkdown(md: MarkdownRenderer): void {
  md.core.ruler.push('files', ({ tokens, env }) => {
    const { realPath, path } = (env ?? {}) as { realPath?: string; path?: string }
    if (path === undefined) return // a title
    const file = relative(root, realPath ?? path)
    if (file.startsWith('apps/docs/api/')) return
    // Whole programs show types. Copies of files may import what is beside them.
    for (const token of tokens) if (/^ts( no-run)?$/.test(token.info)) token.info += ' twoslash'
    for (const token of tokens.flatMap((block) => block.children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null
      if (href !== null) token.attrSet('href', linkFrom(file, href))
    }
    // Badges come from another server, and are for GitHub and npm.
    for (const block of tokens) if (block.content.includes('//img.shields.io/')) block.children = []
  })

  md.core.ruler.push('declared-names', ({ tokens }) => {
    tokens.forEach((token, index) => {
      const comment = tokens[index - 1]?.content.match(/^<!-- with:([\s\S]*?)-->/)
      if (token.type !== 'fence' || !comment) return
      token.content = `${comment[1]}// ---cut---\n${token.content}`
    })
  })

  // The corner of a table is no header. Screen readers would announce an empty one.
  md.core.ruler.push('table-corners', ({ tokens }) => {
    tokens.forEach((token, index) => {
      if (token.type !== 'th_open' || tokens[index + 1]!.content !== '') return
      token.tag = 'td'
      tokens[index + 2]!.tag = 'td'
    })
  })

  const fence = md.renderer.rules.fence!
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const token = tokens[index]!
    if (token.info.trim() !== 'mermaid') return fence(tokens, index, ...rest)
    return `<Diagram source="${encodeURIComponent(token.content)}" />\n`
  }
}
