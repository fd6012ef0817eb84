-- KEYS: cards of the workers, when they expire. ARGV: id, card as JSON, for how many ms (0: goodbye).
local time, length_ms = now(), tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], time + length_ms, ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', time)) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, KEEP_MS)
end
return 1
