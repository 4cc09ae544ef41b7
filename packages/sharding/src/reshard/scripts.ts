import { timeLua } from '@cache/core/internal'
import removeKeySource from './remove-key.lua'
import storeKeySource from './store-key.lua'

export const removeKeyLua = timeLua + removeKeySource
export const storeKeyLua = timeLua + storeKeySource
