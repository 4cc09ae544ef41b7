import { ONE } from './parentheses.js'
import { Scopes } from './scopes.js'

/** A node of the syntax tree of luaparse. */
export type Node = { readonly type: string } & Record<string, any>

/** Writes the expressions of Lua as JavaScript. */
export abstract class ExpressionWriter {
  protected readonly scopes = new Scopes()
  /** Variables that `and` and `or` of the current function need. */
  protected temporaries: string[] = []

  protected abstract functionBody(statements: readonly Node[]): string

  protected function(node: Node): string {
    return this.scopes.within(() => {
      const parameters = (node.parameters as Node[]).map((parameter) =>
        parameter.type === 'VarargLiteral'
          ? '...varargs'
          : this.scopes.declare(parameter.name as string),
      )
      const body = this.functionBody(node.body as Node[])
      return `(function (${parameters.join(', ')}) { ${body} })`
    })
  }

  protected assign(target: Node, value: string): string {
    if (target.type === 'Identifier') {
      const local = this.scopes.find(target.name as string)
      return local
        ? `${local} = ${value}`
        : `op.setGlobal(${JSON.stringify(target.name)}, ${value})`
    }
    return `op.setIndex(${this.one(target.base as Node)}, ${this.#keyOf(target)}, ${value})`
  }

  #keyOf(node: Node): string {
    return node.type === 'MemberExpression'
      ? JSON.stringify(node.identifier.name)
      : this.one(node.index as Node)
  }

  /** An expression's value: the first one, where it has several. */
  protected one(node: Node): string {
    switch (node.type) {
      case 'Identifier':
        return (
          this.scopes.find(node.name as string) ??
          `op.global(globals, ${JSON.stringify(node.name)})`
        )
      case 'StringLiteral':
        return JSON.stringify(node.value)
      case 'NumericLiteral':
        return String(node.value)
      case 'BooleanLiteral':
        return String(node.value)
      case 'NilLiteral':
        return 'undefined'
      case 'VarargLiteral':
        return 'varargs[0]'
      case 'FunctionDeclaration':
        return this.function(node)
      case 'TableConstructorExpression':
        return this.#table(node)
      case 'MemberExpression':
      case 'IndexExpression':
        return `op.index(${this.one(node.base as Node)}, ${this.#keyOf(node)}, strings)`
      case 'CallExpression':
        if ((node.base as Node).name === ONE) return `(${this.one((node.arguments as Node[])[0]!)})`
        return `${this.call(node)}[0]`
      case 'StringCallExpression':
      case 'TableCallExpression':
        return `${this.call(node)}[0]`
      case 'UnaryExpression':
        if (node.operator === 'not') return `(!${this.truth(node.argument as Node)})`
        return (
          `op.${node.operator === '#' ? 'lengthOf' : 'negate'}` +
          `(${this.one(node.argument as Node)})`
        )
      case 'LogicalExpression': {
        const held = `held_${this.scopes.next()}`
        this.temporaries.push(held)
        const [left, right] = [this.one(node.left as Node), this.one(node.right as Node)]
        const isTrue = `((${held} = ${left}) !== undefined && ${held} !== false)`
        return node.operator === 'and'
          ? `(${isTrue} ? ${right} : ${held})`
          : `(${isTrue} ? ${held} : ${right})`
      }
      case 'BinaryExpression':
        return this.#binary(node)
      default:
        throw new SyntaxError(`Lua's ${node.type} is not supported.`)
    }
  }

  #binary({ operator, left, right }: Node): string {
    const [a, b] = [this.one(left as Node), this.one(right as Node)]
    switch (operator) {
      case '==':
        return `(${a} === ${b})`
      case '~=':
        return `(${a} !== ${b})`
      case '<':
        return `op.lessThan(${a}, ${b})`
      case '<=':
        return `op.lessOrEqual(${a}, ${b})`
      case '>':
        return `op.lessThan(${b}, ${a})`
      case '>=':
        return `op.lessOrEqual(${b}, ${a})`
      default:
        return `op.${BINARY[operator as string]!}(${a}, ${b})`
    }
  }

  protected truth(node: Node): string {
    if (
      node.type === 'BinaryExpression' &&
      ['==', '~=', '<', '<=', '>', '>='].includes(node.operator as string)
    )
      return this.one(node)
    if (node.type === 'UnaryExpression' && node.operator === 'not') return this.one(node)
    if (node.type === 'LogicalExpression')
      return (
        `(${this.truth(node.left as Node)} ${node.operator === 'and' ? '&&' : '||'} ` +
        `${this.truth(node.right as Node)})`
      )
    return `op.isTrue(${this.one(node)})`
  }

  #table(node: Node): string {
    const name = `table_${this.scopes.next()}`
    this.temporaries.push(name)
    const fields = node.fields as Node[]
    let position = 0
    const steps = fields.map((field, i) => {
      if (field.type === 'TableKeyString')
        return `${name}.set(${JSON.stringify(field.key.name)}, ${this.one(field.value as Node)})`
      if (field.type === 'TableKey')
        return `${name}.set(${this.one(field.key as Node)}, ${this.one(field.value as Node)})`
      const value = field.value as Node
      if (i === fields.length - 1 && isMulti(value))
        return `${this.multi(value)}.forEach((value, i) => table.set(${position} + i + 1, value))`
      return `${name}.set(${++position}, ${this.one(value)})`
    })
    // A function of its own: a table in a table may be made by the same code again, recursively.
    this.temporaries.splice(this.temporaries.indexOf(name), 1)
    if (steps.length === 0) return 'new LuaTable()'
    const body = steps.map((step) => step.replaceAll(name, 'table')).join('; ')
    return `((table) => { ${body}; return table })(new LuaTable())`
  }

  protected call(node: Node): string {
    const base = node.base as Node
    const args =
      node.type === 'CallExpression'
        ? (node.arguments as Node[])
        : node.type === 'StringCallExpression'
          ? [node.argument as Node]
          : [node.arguments as unknown as Node]
    if (base.type === 'MemberExpression' && base.indexer === ':') {
      const held = `held_${this.scopes.next()}`
      this.temporaries.push(held)
      const self = `${held} = ${this.one(base.base as Node)}`
      const method = `op.index((${self}), ${JSON.stringify(base.identifier.name)}, strings)`
      return `op.call(${[method, held, this.#spread(args)].filter(Boolean).join(', ')})`
    }
    return `op.call(${[this.one(base), this.#spread(args)].filter(Boolean).join(', ')})`
  }

  /** Arguments; the last one gives all its values. */
  #spread(nodes: readonly Node[]): string {
    return nodes
      .map((node, i) =>
        i === nodes.length - 1 && isMulti(node) ? `...${this.multi(node)}` : this.one(node),
      )
      .join(', ')
  }

  protected list(nodes: readonly Node[]): string {
    return `[${this.#spread(nodes)}]`
  }

  protected multi(node: Node): string {
    return node.type === 'VarargLiteral' ? 'varargs' : this.call(node)
  }

  protected values(
    nodes: readonly Node[],
    wanted: number,
  ): { readonly single?: readonly string[]; readonly list: string } {
    const last = nodes.at(-1)
    if (last && isMulti(last) && nodes.length < wanted + 1 && wanted > 1 && nodes.length <= wanted)
      return { list: this.list(nodes) }
    if (nodes.length > wanted) return { list: this.list(nodes) }
    return { single: nodes.map((node) => this.one(node)), list: '' }
  }
}

const BINARY: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'modulo',
  '^': 'power',
  '..': 'concat',
}

/** Whether it may have several values. */
export function isMulti({ type, base }: Node): boolean {
  if (type === 'CallExpression' && (base as Node).name === ONE) return false
  return [
    'CallExpression',
    'StringCallExpression',
    'TableCallExpression',
    'VarargLiteral',
  ].includes(type)
}
