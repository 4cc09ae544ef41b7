/**
 * Returns a document with new text between `<!-- name -->` and `<!-- /name -->`.
 *
 * @throws {Error} if the document has no such comments.
 */
export function withBlock(document: string, name: string, block: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = document.indexOf(start)
  const to = document.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`The document has no ${start} … ${end}.`)
  return `${document.slice(0, from + start.length)}\n\n${block}\n\n${document.slice(to)}`
}
