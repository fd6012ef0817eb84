-- KEYS: leader, open, pulses, and all others that live as long as somebody leads.
-- ARGV: nonce, lease in ms, the incarnation that it opened, the last count of pulses that it heard (both may be empty).
-- Answers who leads, whether the ledger is the one that was opened, and the count of pulses.
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then
  return { 'stand by', 0 }
end
local length_ms = tonumber(ARGV[2])
if length_ms > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', length_ms)
else
  redis.call('DEL', KEYS[1])
end
local count = redis.call('INCR', KEYS[3])
for index = 2, #KEYS do
  redis.call('PEXPIRE', KEYS[index], KEEP_MS)
end
local open = redis.call('HMGET', KEYS[2], 'leader', 'incarnation', 'run')
local is_same = open[1] == ARGV[1] and open[3] == run() and (ARGV[3] == '' or open[2] == ARGV[3])
-- A count that was heard before: the ledger was rolled back.
local is_ahead = ARGV[4] == '' or count > tonumber(ARGV[4])
if is_same and is_ahead then
  return { 'leads', count }
end
redis.call('DEL', KEYS[2])
return { 'rebuild', count }
