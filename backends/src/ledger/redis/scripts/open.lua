-- KEYS: leader, open. ARGV: nonce, format of the records.
-- Answers the new incarnation; an empty one where another leads.
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then
  return ''
end
local time = redis.call('TIME')
local incarnation = time[1] .. '.' .. time[2]
redis.call('HSET', KEYS[2], 'leader', ARGV[1], 'incarnation', incarnation, 'run', run(), 'format', ARGV[2])
redis.call('PEXPIRE', KEYS[2], KEEP_MS)
return incarnation
