import { testOutages } from './outages.js'

testOutages('ioredis')
