import { ExpressionWriter, isMulti, type Node } from './expressions.js'

/** Writes the statements of Lua as JavaScript. */
export class StatementWriter extends ExpressionWriter {
  chunk(chunk: Node): string {
    return `return function (...varargs) { ${this.functionBody(chunk.body as Node[])} }`
  }

  protected functionBody(statements: readonly Node[]): string {
    const outer = this.temporaries
    this.temporaries = []
    const body = this.#block(statements)
    const declared = this.temporaries.length > 0 ? `let ${this.temporaries.join(', ')};` : ''
    this.temporaries = outer
    return `${declared} ${body} return []`
  }

  #block(statements: readonly Node[]): string {
    return this.scopes.within(() =>
      statements.map((statement) => this.#statement(statement)).join('\n'),
    )
  }

  #statement(node: Node): string {
    switch (node.type) {
      case 'LocalStatement': {
        const values = this.values(node.init as Node[], node.variables.length as number)
        const names = (node.variables as Node[]).map(({ name }) =>
          this.scopes.declare(name as string),
        )
        if (values.single)
          return names
            .map((name, i) => `let ${name} = ${values.single![i] ?? 'undefined'};`)
            .join(' ')
        return `let [${names.join(', ')}] = ${values.list};`
      }
      case 'AssignmentStatement': {
        const targets = node.variables as Node[]
        if (targets.length === 1 && node.init.length === 1)
          return `${this.assign(targets[0]!, this.one(node.init[0] as Node))};`
        const values = `values_${this.scopes.next()}`
        const list = this.list(node.init as Node[])
        const steps = targets.map((target, i) => this.assign(target, `${values}[${i}]`))
        return `{ const ${values} = ${list}; ${steps.join('; ')} }`
      }
      case 'CallStatement':
        return `${this.call(node.expression as Node)};`
      case 'ReturnStatement': {
        const args = node.arguments as Node[]
        const isTailCall = args.length === 1 && isMulti(args[0]!)
        return `return ${isTailCall ? this.multi(args[0]!) : this.list(args)};`
      }
      case 'IfStatement':
        return (node.clauses as Node[])
          .map((clause, i) => {
            const body = `{ ${this.#block(clause.body as Node[])} }`
            return clause.type === 'ElseClause'
              ? `else ${body}`
              : `${i > 0 ? 'else ' : ''}if (${this.truth(clause.condition as Node)}) ${body}`
          })
          .join(' ')
      case 'WhileStatement':
        return (
          `while (${this.truth(node.condition as Node)}) ` +
          `{ ${this.#block(node.body as Node[])} }`
        )
      case 'RepeatStatement': {
        // The condition sees the variables of the body.
        return this.scopes.within(() => {
          const statements = node.body as Node[]
          const body = statements.map((statement) => this.#statement(statement)).join('\n')
          return `while (true) { ${body} if (${this.truth(node.condition as Node)}) break; }`
        })
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
          const name = this.scopes.declare((node.identifier as Node).name as string)
          return `let ${name}; ${name} = ${this.function(node)};`
        }
        return `${this.assign(node.identifier as Node, this.function(node))};`
      }
      default:
        throw new SyntaxError(`Lua's ${node.type} is not supported.`)
    }
  }

  #numericFor(node: Node): string {
    const n = this.scopes.next()
    const [start, limit] = [this.one(node.start as Node), this.one(node.end as Node)]
    const step = node.step ? this.one(node.step as Node) : '1'
    const [name, body] = this.scopes.within(
      () =>
        [
          this.scopes.declare(node.variable.name as string),
          this.#block(node.body as Node[]),
        ] as const,
    )
    const [i, end, by] = [`i_${n}`, `end_${n}`, `step_${n}`]
    return `{ const ${end} = op.loopNumber(${limit}, 'limit');
const ${by} = op.loopNumber(${step}, 'step');
let ${i} = op.loopNumber(${start}, 'initial value');
for (; ${by} > 0 ? ${i} <= ${end} : ${i} >= ${end}; ${i} += ${by}) {
let ${name} = ${i}; ${body} } }`
  }

  #genericFor(node: Node): string {
    const n = this.scopes.next()
    const iterators = this.list(node.iterators as Node[])
    const [names, body] = this.scopes.within(
      () =>
        [
          (node.variables as Node[]).map(({ name }) => this.scopes.declare(name as string)),
          this.#block(node.body as Node[]),
        ] as const,
    )
    return `{ let [next_${n}, state_${n}, control_${n}] = ${iterators};
while (true) { let [${names.join(', ')}] = op.call(next_${n}, state_${n}, control_${n});
if (${names[0]} === undefined) break; control_${n} = ${names[0]}; ${body} } }`
  }
}
