declare module 'hashring' {
  export default class HashRing {
    constructor(
      servers: readonly string[],
      algorithm?: string,
      options?: { readonly 'max cache size'?: number },
    )
    get(key: string): string
  }
}
