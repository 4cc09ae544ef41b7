const COUNT = 1_000
const idsOf = (id: (n: number) => string) => Array.from({ length: COUNT }, (_, n) => id(n))

/** Ids as applications have them, by kind. Nothing in the first kind has to be escaped. */
export const idKinds: Readonly<Record<string, readonly string[]>> = {
  plain: idsOf((n) => `c${n % 40}-key-${n}`),
  composite: idsOf((n) => `c${n % 40}:key:${n}`),
  'e-mail': idsOf((n) => `user.${n}+cache@example.com`),
  URL: idsOf((n) => `https://example.com/products/${n}?page=${n % 9}&sort=a%20z`),
  'non-ASCII': idsOf((n) => `größe:zürich-${n}`),
}

/** Returns an id of the same length without special characters. */
export function plainLike(id: string): string {
  return id.replace(/[^a-z0-9]/gi, 'x')
}
