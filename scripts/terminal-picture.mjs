// Draws what a command has printed as a terminal, in a light and a dark picture:
// `npm run demo -- --once | node scripts/terminal-picture.mjs --from "steady traffic" --out demo`
// writes demo-light.svg and demo-dark.svg. `--from` names a text of the first line to show.
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { parseArgs, stripVTControlCharacters } from 'node:util'

const FONT_SIZE = 13
const CHARACTER = FONT_SIZE * 0.602 // the width of a character of a monospaced font
const LINE = 18
const PADDING = 20
const themes = {
  light: { background: '#f6f8fa', text: '#1f2328', good: '#116329', quiet: '#59636e' },
  dark: { background: '#0d1117', text: '#e6edf3', good: '#4ac26b', quiet: '#9198a1' },
}

const { values } = parseArgs({
  options: { from: { type: 'string' }, title: { type: 'string' }, out: { type: 'string' } },
})
if (!values.out) throw new Error('Name the pictures: --out <path without -light.svg>')

const lines = stripVTControlCharacters(await text(process.stdin))
  .trimEnd()
  .split('\n')
const first = values.from ? lines.findIndex((line) => line.includes(values.from)) : 0
if (first < 0) throw new Error(`No line contains ${values.from}.`)
for (const [theme, colours] of Object.entries(themes)) {
  writeFileSync(`${values.out}-${theme}.svg`, picture(lines.slice(first), colours))
}

function picture(shown, colours) {
  const width = Math.ceil(Math.max(...shown.map(({ length }) => length)) * CHARACTER) + 2 * PADDING
  const height = shown.length * LINE + 2 * PADDING
  const rows = shown.map((line, i) => {
    const colour = /^[✓]/.test(line)
      ? colours.good
      : /^[┌├└]/.test(line)
        ? colours.quiet
        : colours.text
    const y = PADDING + LINE * (i + 0.75)
    return `<text x="${PADDING}" y="${y}" fill="${colour}">${escaped(line)}</text>`
  })
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"`,
    ` viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace"`,
    ` font-size="${FONT_SIZE}" role="img">`,
    `<title>${escaped(values.title ?? 'The output of a command')}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${colours.background}"/>`,
    ...rows,
    '</svg>',
  ].join('\n')}\n`
}

function escaped(line) {
  const text = line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return text.replaceAll(' ', '\u00a0')
}
