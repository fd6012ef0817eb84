-- KEYS: leader, open. ARGV: nonce.
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[2])
