/** The server's strings have one character per byte. */
export function toBytes(argument: string | Buffer): string {
  return (typeof argument === 'string' ? Buffer.from(argument) : argument).toString('latin1')
}

/** The text of such a string. */
export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}
