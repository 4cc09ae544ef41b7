import { testOutages } from './outages.js'

testOutages('node-redis')
