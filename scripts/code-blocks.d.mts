export interface CodeBlock {
  readonly file: string
  readonly line: number
  readonly code: string
  readonly runs: boolean
  readonly name: string
}

export function codeBlocks(text: string, path: string): CodeBlock[]
