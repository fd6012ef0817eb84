-- KEYS: leases, notices, job, mark of the ended attempt.
-- ARGV: attempt, generation, lease in ms, units done, units in all.
local attempt, length_ms = ARGV[1], tonumber(ARGV[3])
local job = read(KEYS[3])
local before = job.generation
if not reach(job, tonumber(ARGV[2])) or job.stage == 'done' then
  return 'unwanted'
end
if job.stage == 'leased' and job.attempt == attempt then
  lease(KEYS[1], job, attempt, length_ms)
  redis.call('PEXPIRE', job.key, KEEP_MS)
  if not job.wanted then
    return 'unwanted'
  end
  notice(KEYS[2], 'progress', name_of(job.key), attempt, ARGV[4], ARGV[5], '')
  return 'held'
end
local answer = 'held'
if not job.wanted then
  answer = 'unwanted'
elseif job.stage == 'leased' or redis.call('EXISTS', KEYS[4]) == 1 then
  answer = 'lost'
else
  -- Nobody holds it: the attempt takes it, with the work where that is known.
  lease(KEYS[1], job, attempt, length_ms)
  notice(KEYS[2], 'claimed', name_of(job.key), attempt, 0, 0, '')
end
if answer == 'held' or job.generation > before then
  write(job, KEYS[1])
end
return answer
