import { UsageError } from '@cache/core'
import type { ClientSource } from './client.js'

/** A method that can be decorated: its result is a promise. */
export type AsyncMethod = (this: any, ...args: any[]) => Promise<any>

/** Makes the method that replaces a decorated one. `name` is for messages: `Products.find`. */
export type Replace = (method: AsyncMethod, name: string) => AsyncMethod

/** Called for a method of a class that NestJS may create, with the name of its client. */
export type InjectClient = (prototype: object, client: string) => void

/**
 * A decorator for methods that take `Args` and resolve to `Result`. It keeps the signature of the
 * method, which must allow what the decorator may return instead (`Added`). It works as a legacy
 * decorator (`experimentalDecorators`, which NestJS uses) and as a standard one.
 */
export interface AsyncMethodDecorator<Args extends readonly any[], Result = any, Added = never> {
  <M extends AsyncMethod>(
    prototype: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & Fits<M, Args, Result, Added>,
  ): void
  <M extends AsyncMethod>(
    method: M & Fits<M, Args, Result, Added>,
    context: ClassMethodDecoratorContext<any, any>,
  ): M
}

/** `unknown` if the method takes these arguments, and has such a result. */
export type Fits<M extends AsyncMethod, Args extends readonly any[], Result, Added> = ((
  ...args: Args
) => void) extends (...args: Parameters<M>) => void
  ? [NonNullable<Awaited<ReturnType<M>>>] extends [Result]
    ? [Added] extends [Awaited<ReturnType<M>>]
      ? unknown
      : { readonly 'The result of the method must allow': Added }
    : { readonly 'The options are for another type of result': Result }
  : { readonly 'The options are for other arguments': Args }

/** Creates the decorator. */
export function methodDecorator(
  decorator: string,
  client: ClientSource,
  replace: Replace,
  inject: InjectClient | undefined,
): AsyncMethodDecorator<any, any, any> {
  const decorate = (
    target: object | AsyncMethod,
    nameOrContext: string | symbol | ClassMethodDecoratorContext,
    descriptor?: TypedPropertyDescriptor<AsyncMethod>,
  ): AsyncMethod | undefined => {
    if (isContext(nameOrContext)) {
      if (nameOrContext.kind !== 'method') throw notAMethod(decorator, String(nameOrContext.name))
      return replaced(target as AsyncMethod, String(nameOrContext.name))
    }
    const name = String(nameOrContext)
    if (typeof descriptor?.value !== 'function') throw notAMethod(decorator, name)
    const className = (typeof target === 'function' ? target : target.constructor).name
    descriptor.value = replaced(descriptor.value, `${className}.${name}`)
    if (typeof client === 'string' && typeof target !== 'function') inject?.(target, client)
    return undefined
  }

  function replaced(method: AsyncMethod, name: string): AsyncMethod {
    const replacement = replace(method, name)
    copyProperties(method, replacement)
    return replacement
  }
  return decorate as AsyncMethodDecorator<any, any, any>
}

function isContext(value: unknown): value is ClassMethodDecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value
}

function notAMethod(decorator: string, name: string): UsageError {
  return new UsageError(`@${decorator} is for methods, and "${name}" is none.`)
}

/**
 * Copies the name, the length, and what other decorators have stored with a method, so that the
 * order of decorators makes no difference to them.
 */
function copyProperties(from: AsyncMethod, to: AsyncMethod): void {
  for (const key of Reflect.ownKeys(from)) {
    if (key === 'prototype' || key === 'arguments' || key === 'caller') continue
    Object.defineProperty(to, key, Object.getOwnPropertyDescriptor(from, key)!)
  }
  const metadata = Reflect as Partial<ReflectMetadata>
  for (const key of metadata.getOwnMetadataKeys?.(from) ?? [])
    metadata.defineMetadata?.(key, metadata.getOwnMetadata?.(key, from), to)
}

/** The parts of reflect-metadata that this uses, if the application has loaded it. */
interface ReflectMetadata {
  getOwnMetadataKeys(target: object): unknown[]
  getOwnMetadata(key: unknown, target: object): unknown
  defineMetadata(key: unknown, value: unknown, target: object): void
}
