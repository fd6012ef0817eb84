-- KEYS: leases, then one job each. ARGV: for each job its generation, needs and work.
for index = 2, #KEYS do
  local at = 3 * (index - 2)
  local job = read(KEYS[index])
  if reach(job, tonumber(ARGV[at + 1])) then
    job.wanted = true
    if job.stage == 'idle' or job.stage == 'offered' then
      job.stage, job.needs, job.work = 'offered', ARGV[at + 2], ARGV[at + 3]
    elseif job.stage == 'leased' and not redis.call('ZSCORE', KEYS[1], name_of(job.key)) then
      -- The index was evicted. It ends with the next reaping unless its attempt shows up.
      redis.call('ZADD', KEYS[1], now(), name_of(job.key))
    end
    write(job, KEYS[1])
  end
end
return #KEYS - 1
