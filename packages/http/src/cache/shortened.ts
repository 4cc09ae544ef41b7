import { createHash } from 'node:crypto'

/** Long texts from requests become short ones that differ as well. */
export function shortened(text: string): string {
  if (text.length <= MAX_LENGTH && PRINTABLE.test(text)) return text
  const hash = createHash('sha256').update(text).digest('base64url')
  return `${text.slice(0, 64).replaceAll(/[^\x21-\x7e]/g, '_')}#${hash}`
}

const MAX_LENGTH = 256
const PRINTABLE = /^[\x20-\x7e]+$/
