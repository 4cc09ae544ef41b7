import luaparse from 'luaparse'
import * as operations from './operations.js'
import { LuaTable, type LuaFunction } from './values.js'

type Node = { readonly type: string } & Record<string, any>

/**
 * Compiles Lua 5.1 to a JavaScript function. `luaparse` parses the source; each function of the
 * script becomes a JavaScript function of the same shape, so that the engine can optimise it.
 *
 * `goto`, coroutines and metatables beyond `__index` are not supported: no script here uses them.
 *
 * @throws {SyntaxError} with the line.
 */
export function compile(source: string): (globals: LuaTable, strings: LuaTable) => LuaFunction {
  const chunk = luaparse.parse(markParentheses(source), options)
  const body = new Writer().chunk(chunk as unknown as Node)
  const make = new Function('op', 'LuaTable', 'globals', 'strings', body) as (
    op: typeof operations,
    table: typeof LuaTable,
    globals: LuaTable,
    strings: LuaTable,
  ) => LuaFunction
  return (globals, strings) => make(operations, LuaTable, globals, strings)
}

const options = { luaVersion: '5.1', encodingMode: 'pseudo-latin1', comments: false } as const

/** Stands before the parentheses of an expression, which have one value. */
const ONE = '__one'

/**
 * The parser forgets the parentheses of an expression, but `(f())` has one value where `f()` has
 * several. So a name is put before them, which the parser takes for that of a function.
 */
function markParentheses(source: string): string {
  const tokens = luaparse.parse('', { ...options, wait: true }) as unknown as Lexer
  tokens.write(source)
  let marked = ''
  let written = 0
  let before: Token | undefined
  for (let token = tokens.lex(); token.type !== END_OF_FILE; token = tokens.lex()) {
    if (token.value === '(' && token.type === PUNCTUATOR && !mayBeCalled(before)) {
      marked += source.slice(written, token.range[0]) + ONE
      written = token.range[0]
    }
    before = token
  }
  return marked + source.slice(written)
}

interface Token {
  readonly type: number
  readonly value: unknown
  readonly range: readonly [from: number, to: number]
}

interface Lexer {
  write(source: string): void
  lex(): Token
}

const {
  EOF: END_OF_FILE,
  Punctuator: PUNCTUATOR,
  StringLiteral: STRING,
  Identifier: NAME,
} = (luaparse as unknown as { readonly tokenTypes: Readonly<Record<string, number>> }).tokenTypes

/** Whether parentheses behind this token are those of a call or of parameters. */
function mayBeCalled(token: Token | undefined): boolean {
  if (token === undefined) return false
  if (token.type === NAME || token.type === STRING || token.value === 'function') return true
  return token.type === PUNCTUATOR && [')', ']', '}'].includes(token.value as string)
}

/** Names of Lua variables in scope, and what they are called in JavaScript. */
class Scope {
  readonly names = new Map<string, string>()
  readonly outer: Scope | undefined

  constructor(outer?: Scope) {
    this.outer = outer
  }

  find(name: string): string | undefined {
    return this.names.get(name) ?? this.outer?.find(name)
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

class Writer {
  #scope = new Scope()
  #count = 0
  /** Variables that `and` and `or` of the current function need. */
  #temporaries: string[] = []

  chunk(chunk: Node): string {
    return `return function (...varargs) { ${this.#functionBody(chunk.body as Node[])} }`
  }

  #functionBody(statements: readonly Node[]): string {
    const outer = this.#temporaries
    this.#temporaries = []
    const body = this.#block(statements)
    const declared = this.#temporaries.length > 0 ? `let ${this.#temporaries.join(', ')};` : ''
    this.#temporaries = outer
    return `${declared} ${body} return []`
  }

  #block(statements: readonly Node[]): string {
    this.#scope = new Scope(this.#scope)
    const written = statements.map((statement) => this.#statement(statement)).join('\n')
    this.#scope = this.#scope.outer!
    return written
  }

  #declare(name: string): string {
    const own = `${name}_${++this.#count}`
    this.#scope.names.set(name, own)
    return own
  }

  #statement(node: Node): string {
    switch (node.type) {
      case 'LocalStatement': {
        const values = this.#values(node.init as Node[], node.variables.length as number)
        const names = (node.variables as Node[]).map(({ name }) => this.#declare(name as string))
        if (values.single)
          return names
            .map((name, i) => `let ${name} = ${values.single![i] ?? 'undefined'};`)
            .join(' ')
        return `let [${names.join(', ')}] = ${values.list};`
      }
      case 'AssignmentStatement': {
        const targets = node.variables as Node[]
        if (targets.length === 1 && node.init.length === 1)
          return `${this.#assign(targets[0]!, this.#one(node.init[0] as Node))};`
        const values = `values_${++this.#count}`
        const list = this.#list(node.init as Node[])
        const steps = targets.map((target, i) => this.#assign(target, `${values}[${i}]`))
        return `{ const ${values} = ${list}; ${steps.join('; ')} }`
      }
      case 'CallStatement':
        return `${this.#call(node.expression as Node)};`
      case 'ReturnStatement': {
        const args = node.arguments as Node[]
        const isTailCall = args.length === 1 && isMulti(args[0]!)
        return `return ${isTailCall ? this.#multi(args[0]!) : this.#list(args)};`
      }
      case 'IfStatement':
        return (node.clauses as Node[])
          .map((clause, i) => {
            const body = `{ ${this.#block(clause.body as Node[])} }`
            return clause.type === 'ElseClause'
              ? `else ${body}`
              : `${i > 0 ? 'else ' : ''}if (${this.#truth(clause.condition as Node)}) ${body}`
          })
          .join(' ')
      case 'WhileStatement':
        return (
          `while (${this.#truth(node.condition as Node)}) ` +
          `{ ${this.#block(node.body as Node[])} }`
        )
      case 'RepeatStatement': {
        this.#scope = new Scope(this.#scope)
        const body = (node.body as Node[]).map((statement) => this.#statement(statement)).join('\n')
        const condition = this.#truth(node.condition as Node)
        this.#scope = this.#scope.outer!
        return `while (true) { ${body} if (${condition}) break; }`
      }
      case 'DoStatement':
        return `{ ${this.#block(node.body as Node[])} }`
      case 'BreakStatement':
        return 'break;'
      case 'ForNumericStatement':
        return this.#numericFor(node)
      case 'ForGenericStatement':
        return this.#genericFor(node)
      case 'FunctionDeclaration': {
        if (node.isLocal) {
          const name = this.#declare((node.identifier as Node).name as string)
          return `let ${name}; ${name} = ${this.#function(node)};`
        }
        return `${this.#assign(node.identifier as Node, this.#function(node))};`
      }
      default:
        throw new SyntaxError(`Lua's ${node.type} is not supported.`)
    }
  }

  #numericFor(node: Node): string {
    const n = ++this.#count
    const [start, limit] = [this.#one(node.start as Node), this.#one(node.end as Node)]
    const step = node.step ? this.#one(node.step as Node) : '1'
    this.#scope = new Scope(this.#scope)
    const name = this.#declare(node.variable.name as string)
    const body = this.#block(node.body as Node[])
    this.#scope = this.#scope.outer!
    const [i, end, by] = [`i_${n}`, `end_${n}`, `step_${n}`]
    return `{ const ${end} = op.loopNumber(${limit}, 'limit');
const ${by} = op.loopNumber(${step}, 'step');
let ${i} = op.loopNumber(${start}, 'initial value');
for (; ${by} > 0 ? ${i} <= ${end} : ${i} >= ${end}; ${i} += ${by}) {
let ${name} = ${i}; ${body} } }`
  }

  #genericFor(node: Node): string {
    const n = ++this.#count
    const iterators = this.#list(node.iterators as Node[])
    this.#scope = new Scope(this.#scope)
    const names = (node.variables as Node[]).map(({ name }) => this.#declare(name as string))
    const body = this.#block(node.body as Node[])
    this.#scope = this.#scope.outer!
    return `{ let [next_${n}, state_${n}, control_${n}] = ${iterators};
while (true) { let [${names.join(', ')}] = op.call(next_${n}, state_${n}, control_${n});
if (${names[0]} === undefined) break; control_${n} = ${names[0]}; ${body} } }`
  }

  #function(node: Node): string {
    this.#scope = new Scope(this.#scope)
    const parameters = (node.parameters as Node[]).map((parameter) =>
      parameter.type === 'VarargLiteral' ? '...varargs' : this.#declare(parameter.name as string),
    )
    const body = this.#functionBody(node.body as Node[])
    this.#scope = this.#scope.outer!
    return `(function (${parameters.join(', ')}) { ${body} })`
  }

  #assign(target: Node, value: string): string {
    if (target.type === 'Identifier') {
      const local = this.#scope.find(target.name as string)
      return local
        ? `${local} = ${value}`
        : `op.setGlobal(${JSON.stringify(target.name)}, ${value})`
    }
    return `op.setIndex(${this.#one(target.base as Node)}, ${this.#keyOf(target)}, ${value})`
  }

  #keyOf(node: Node): string {
    return node.type === 'MemberExpression'
      ? JSON.stringify(node.identifier.name)
      : this.#one(node.index as Node)
  }

  /** An expression's value: the first one, where it has several. */
  #one(node: Node): string {
    switch (node.type) {
      case 'Identifier':
        return (
          this.#scope.find(node.name as string) ??
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
        return this.#function(node)
      case 'TableConstructorExpression':
        return this.#table(node)
      case 'MemberExpression':
      case 'IndexExpression':
        return `op.index(${this.#one(node.base as Node)}, ${this.#keyOf(node)}, strings)`
      case 'CallExpression':
        if ((node.base as Node).name === ONE)
          return `(${this.#one((node.arguments as Node[])[0]!)})`
        return `${this.#call(node)}[0]`
      case 'StringCallExpression':
      case 'TableCallExpression':
        return `${this.#call(node)}[0]`
      case 'UnaryExpression':
        if (node.operator === 'not') return `(!${this.#truth(node.argument as Node)})`
        return (
          `op.${node.operator === '#' ? 'lengthOf' : 'negate'}` +
          `(${this.#one(node.argument as Node)})`
        )
      case 'LogicalExpression': {
        const held = `held_${++this.#count}`
        this.#temporaries.push(held)
        const [left, right] = [this.#one(node.left as Node), this.#one(node.right as Node)]
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
    const [a, b] = [this.#one(left as Node), this.#one(right as Node)]
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

  #truth(node: Node): string {
    if (
      node.type === 'BinaryExpression' &&
      ['==', '~=', '<', '<=', '>', '>='].includes(node.operator as string)
    )
      return this.#one(node)
    if (node.type === 'UnaryExpression' && node.operator === 'not') return this.#one(node)
    if (node.type === 'LogicalExpression')
      return (
        `(${this.#truth(node.left as Node)} ${node.operator === 'and' ? '&&' : '||'} ` +
        `${this.#truth(node.right as Node)})`
      )
    return `op.isTrue(${this.#one(node)})`
  }

  #table(node: Node): string {
    const name = `table_${++this.#count}`
    this.#temporaries.push(name)
    const fields = node.fields as Node[]
    let position = 0
    const steps = fields.map((field, i) => {
      if (field.type === 'TableKeyString')
        return `${name}.set(${JSON.stringify(field.key.name)}, ${this.#one(field.value as Node)})`
      if (field.type === 'TableKey')
        return `${name}.set(${this.#one(field.key as Node)}, ${this.#one(field.value as Node)})`
      const value = field.value as Node
      if (i === fields.length - 1 && isMulti(value))
        return `${this.#multi(value)}.forEach((value, i) => table.set(${position} + i + 1, value))`
      return `${name}.set(${++position}, ${this.#one(value)})`
    })
    // A function of its own: a table in a table may be made by the same code again, recursively.
    this.#temporaries.splice(this.#temporaries.indexOf(name), 1)
    if (steps.length === 0) return 'new LuaTable()'
    const body = steps.map((step) => step.replaceAll(name, 'table')).join('; ')
    return `((table) => { ${body}; return table })(new LuaTable())`
  }

  #call(node: Node): string {
    const base = node.base as Node
    const args =
      node.type === 'CallExpression'
        ? (node.arguments as Node[])
        : node.type === 'StringCallExpression'
          ? [node.argument as Node]
          : [node.arguments as unknown as Node]
    if (base.type === 'MemberExpression' && base.indexer === ':') {
      const held = `held_${++this.#count}`
      this.#temporaries.push(held)
      const self = `${held} = ${this.#one(base.base as Node)}`
      const method = `op.index((${self}), ${JSON.stringify(base.identifier.name)}, strings)`
      return `op.call(${[method, held, this.#spread(args)].filter(Boolean).join(', ')})`
    }
    return `op.call(${[this.#one(base), this.#spread(args)].filter(Boolean).join(', ')})`
  }

  /** Arguments; the last one gives all its values. */
  #spread(nodes: readonly Node[]): string {
    return nodes
      .map((node, i) =>
        i === nodes.length - 1 && isMulti(node) ? `...${this.#multi(node)}` : this.#one(node),
      )
      .join(', ')
  }

  #list(nodes: readonly Node[]): string {
    return `[${this.#spread(nodes)}]`
  }

  #multi(node: Node): string {
    return node.type === 'VarargLiteral' ? 'varargs' : this.#call(node)
  }

  #values(
    nodes: readonly Node[],
    wanted: number,
  ): { readonly single?: readonly string[]; readonly list: string } {
    const last = nodes.at(-1)
    if (last && isMulti(last) && nodes.length < wanted + 1 && wanted > 1 && nodes.length <= wanted)
      return { list: this.#list(nodes) }
    if (nodes.length > wanted) return { list: this.#list(nodes) }
    return { single: nodes.map((node) => this.#one(node)), list: '' }
  }
}

/** Whether it may have several values. */
function isMulti({ type, base }: Node): boolean {
  if (type === 'CallExpression' && (base as Node).name === ONE) return false
  return [
    'CallExpression',
    'StringCallExpression',
    'TableCallExpression',
    'VarargLiteral',
  ].includes(type)
}
