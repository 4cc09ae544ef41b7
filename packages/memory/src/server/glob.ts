/** Redis' glob patterns: `*`, `?`, `[abc]`, `[^a]`, `[a-z]` and `\x`. */
export function globToRegExp(pattern: string): RegExp {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const one = pattern[i]!
    if (one === '*') source += '[\\s\\S]*'
    else if (one === '?') source += '[\\s\\S]'
    else if (one === '\\' && i + 1 < pattern.length) source += escaped(pattern[++i]!)
    else if (one === '[') {
      const isNegated = pattern[i + 1] === '^'
      let members = ''
      for (i += isNegated ? 2 : 1; i < pattern.length && pattern[i] !== ']'; i++) {
        if (pattern[i] === '\\' && i + 1 < pattern.length) members += escaped(pattern[++i]!)
        else members += pattern[i] === '-' ? '-' : escaped(pattern[i]!)
      }
      source += members === '' ? '(?!)' : `[${isNegated ? '^' : ''}${members}]`
    } else source += escaped(one)
  }
  return new RegExp(`^${source}$`)
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
