-- KEYS: leases, notices, job. ARGV: the generation that is lost.
local job, generation = read(KEYS[3]), tonumber(ARGV[1])
if generation < job.generation then
  return 0
end
reach(job, generation + 1)
write(job, KEYS[1])
notice(KEYS[2], 'revoked', name_of(job.key), '', generation, 0, '')
return 1
