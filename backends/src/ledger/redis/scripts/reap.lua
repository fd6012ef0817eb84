-- KEYS: leases, notices. ARGV: what the keys of jobs begin with, how many at most.
-- The jobs are named by the index alone: they share its hash tag, so they are on the same node.
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now(), 'LIMIT', 0, ARGV[2])
local reaped = 0
for _, name in ipairs(expired) do
  local job = read(ARGV[1] .. name)
  if job.stage == 'leased' then
    notice(KEYS[2], 'expired', name, job.attempt, 0, 0, '')
    job.stage = 'idle'
    write(job, KEYS[1])
    reaped = reaped + 1
  else
    redis.call('ZREM', KEYS[1], name)
  end
end
return { #expired, reaped }
