/** The names of Lua's local variables in scope, and what they are called in JavaScript. */
export class Scopes {
  #scope: Scope = { names: new Map(), outer: undefined }
  #count = 0

  /** Returns what the function returns. Variables that it declares are known only within it. */
  within<R>(write: () => R): R {
    const outer = this.#scope
    this.#scope = { names: new Map(), outer }
    try {
      return write()
    } finally {
      this.#scope = outer
    }
  }

  /** Declares a variable of the current scope and returns its name in JavaScript. */
  declare(name: string): string {
    const own = `${name}_${this.next()}`
    this.#scope.names.set(name, own)
    return own
  }

  find(name: string): string | undefined {
    for (let scope: Scope | undefined = this.#scope; scope; scope = scope.outer) {
      const own = scope.names.get(name)
      if (own !== undefined) return own
    }
    return undefined
  }

  /** Returns a number that makes a name unique. */
  next(): number {
    return ++this.#count
  }
}

interface Scope {
  readonly names: Map<string, string>
  readonly outer: Scope | undefined
}
