-- KEYS: notices. ARGV: the last entry that was handed out (or empty), how many at most.
-- What was handed out goes; what is left is answered, oldest first.
if ARGV[1] ~= '' then
  local time, number = string.match(ARGV[1], '^(%d+)-(%d+)$')
  redis.call('XTRIM', KEYS[1], 'MINID', '=', time .. '-' .. (number + 1))
end
return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2])
