import { InvalidOptionError, UsageError } from '@cache/core'
import {
  Module,
  Scope,
  type DynamicModule,
  type InjectionToken,
  type ModuleMetadata,
  type OptionalFactoryDependency,
  type Type,
} from '@nestjs/common'
import { ModuleRef } from '@nestjs/core'
import { DEFAULT_CLIENT } from '../decorators/client.js'
import { CacheHealthIndicator } from '../health/cache-health.indicator.js'
import { CacheConnection, type CacheConnectionOptions } from './connection.js'
import { connectionToken, getCacheClientToken } from './tokens.js'

/** How a client is registered. */
export interface CacheRegistration {
  /**
   * The name of the client. The guard and the health indicator find it in all modules, so each
   * client of an application needs its own. Default 'default'.
   */
  readonly name?: string
  /** Whether all modules see the client, and not only those that import it. Default `true`. */
  readonly isGlobal?: boolean
}

/** Options of `CacheModule.forRoot`. */
export interface CacheModuleOptions extends CacheRegistration, CacheConnectionOptions {}

/** A class that returns the options of a client. */
export interface CacheOptionsFactory {
  createCacheOptions(): CacheConnectionOptions | Promise<CacheConnectionOptions>
}

/**
 * Options of `CacheModule.forRootAsync`: one of `useFactory`, `useClass` and `useExisting`. The
 * name has to be known when the module is declared, so it is here and not in their results.
 */
export interface CacheModuleAsyncOptions extends CacheRegistration {
  /** The modules whose providers are injected. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>
  /**
   * What `useFactory` gets: singletons. With a request-scoped provider, each request would open a
   * connection, and is refused.
   */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[]
  /** Returns the options. */
  readonly useFactory?: (...args: any[]) => CacheConnectionOptions | Promise<CacheConnectionOptions>
  /** A class to create. */
  readonly useClass?: Type<CacheOptionsFactory>
  /** A provider that exists. */
  readonly useExisting?: InjectionToken<CacheOptionsFactory>
}

/**
 * Provides cache clients by name. Import it once for each client.
 *
 * - `@InjectCacheClient(name)` injects a client, and decorated methods find it.
 * - The application starts and runs while Redis is down.
 * - When the application shuts down, held locks are released, and what the module has opened is
 *   closed. Call `app.enableShutdownHooks()` for signals such as SIGTERM.
 *
 * @example
 * imports: [
 *   CacheModule.forRoot({ connect: () => new Redis(url), namespace: 'shop' }),
 *   CacheModule.forRoot({ name: 'sessions', redis: sessionRedis }),
 * ]
 */
export class CacheModule {
  /** @throws {InvalidOptionError} if an option is wrong, when the application starts. */
  static forRoot({ name, isGlobal, ...options }: CacheModuleOptions): DynamicModule {
    return moduleOf({ name, isGlobal, useFactory: () => options })
  }

  /** Like `forRoot`, with options that come from other providers, such as a `ConfigService`. */
  static forRootAsync(options: CacheModuleAsyncOptions): DynamicModule {
    const { useFactory, useClass, useExisting } = options
    const given = [useFactory, useClass, useExisting].filter((way) => way !== undefined)
    if (given.length !== 1)
      throw new InvalidOptionError('useFactory', 'passed, or else "useClass" or "useExisting"')
    const factory = useExisting ?? useClass
    return moduleOf({
      ...options,
      ...(factory && {
        inject: [factory],
        useFactory: (made: CacheOptionsFactory) => made.createCacheOptions(),
      }),
    })
  }
}
Module({})(CacheModule)

function moduleOf({
  name = DEFAULT_CLIENT,
  isGlobal = true,
  imports = [],
  inject = [],
  useFactory,
  useClass,
}: {
  readonly [Option in keyof CacheModuleAsyncOptions]: CacheModuleAsyncOptions[Option] | undefined
}): DynamicModule {
  if (typeof name !== 'string' || name === '')
    throw new InvalidOptionError('name', 'a non-empty string', name)
  const client = getCacheClientToken(name)
  const connection = connectionToken(name)
  return {
    module: CacheModule,
    global: isGlobal,
    imports,
    providers: [
      ...(useClass ? [useClass] : []),
      {
        provide: connection,
        inject: [ModuleRef, ...inject],
        useFactory: async (modules: ModuleRef, ...args: unknown[]) => {
          const options = await useFactory!(...args)
          checkIsSingleton(modules, name)
          return new CacheConnection(withoutName(options))
        },
      },
      {
        provide: client,
        inject: [connection],
        // A test that replaces this provider opens no connection.
        useFactory: (own: CacheConnection) => own.open(),
      },
      CacheHealthIndicator,
    ],
    exports: [client, CacheHealthIndicator],
  }
}

/** Each request would open a connection otherwise, which NestJS does not close. */
function checkIsSingleton(modules: ModuleRef, name: string): void {
  if (modules.introspect(connectionToken(name)).scope === Scope.DEFAULT) return
  throw new UsageError(
    `The options of the cache client "${name}" depend on a request-scoped provider, so each ` +
      'request would open another connection. Let forRootAsync inject singletons only.',
  )
}

/** A name in the result of a factory would be ignored silently otherwise. */
function withoutName(options: CacheConnectionOptions): CacheConnectionOptions {
  for (const option of ['name', 'isGlobal'])
    if (typeof options === 'object' && options !== null && option in options)
      throw new InvalidOptionError(option, 'passed to forRootAsync beside the factory')
  return options
}
