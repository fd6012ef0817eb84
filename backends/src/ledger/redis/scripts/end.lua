-- KEYS: leases, notices, job, mark of the ended attempt. ARGV: attempt, verdict as JSON, checkpoints made.
local job = read(KEYS[3])
if job.stage == 'leased' and job.attempt == ARGV[1] then
  job.stage = 'idle'
  write(job, KEYS[1])
end
if redis.call('SET', KEYS[4], '', 'NX', 'PX', KEEP_ENDED_MS) then
  notice(KEYS[2], 'ended', name_of(job.key), ARGV[1], ARGV[3], 0, ARGV[2])
end
return 1
