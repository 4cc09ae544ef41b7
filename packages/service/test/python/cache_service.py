"""The class of the seed document, as it stands there, and a loop that calls it: a line of JSON in, a line of JSON out."""

import json
import sys
import time

import redis


class CacheService:
    def __init__(self, redis_client):
        self.redis = redis_client
        self.default_ttl = 3600  # 1 hour default

    def get(self, key, rebuild_func=None, ttl=None):
        """Get an item from cache or rebuild it"""
        cached = self.redis.get(key)

        if cached:
            return json.loads(cached)

        # Cache miss
        if rebuild_func:
            value = rebuild_func()
            self.set(key, value, ttl)
            return value

        return None

    def set(self, key, value, ttl=None):
        """Set a value in cache with TTL"""
        ttl = ttl or self.default_ttl
        self.redis.setex(key, ttl, json.dumps(value))

    def invalidate(self, key, broadcast=False):
        """Invalidate a cache key"""
        self.redis.delete(key)

        if broadcast:
            self.redis.publish('cache_invalidation',
                               json.dumps({
                                   'key': key,
                                   'timestamp': time.time()
                               }))

    def bulk_invalidate(self, pattern, broadcast=False):
        """Invalidate all keys matching a pattern"""
        keys = self.redis.keys(pattern)
        if keys:
            self.redis.delete(*keys)

            if broadcast:
                self.redis.publish('cache_invalidation',
                                   json.dumps({
                                       'pattern': pattern,
                                       'timestamp': time.time()
                                   }))

    def increment(self, key, amount=1):
        """Increment a cached counter"""
        return self.redis.incrby(key, amount)


cache = CacheService(redis.Redis.from_url(sys.argv[1]))
for line in sys.stdin:
    call = json.loads(line)
    if 'rebuilt' in call:
        answer = cache.get(*call['args'], lambda: call['rebuilt'])
    else:
        answer = getattr(cache, call['method'])(*call['args'])
    print(json.dumps(answer), flush=True)
