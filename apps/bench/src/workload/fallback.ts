import { product, type Product } from './product.js'

const VALUE = product('loaded')

/**
 * Loads a value that is cached. It is only called if the cache does not answer in time, on a
 * machine that is very busy: the caller gets a value, as in an application.
 */
export const fallback = async (): Promise<Product> => VALUE
