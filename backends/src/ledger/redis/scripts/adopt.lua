-- KEYS: leases, notices, results, job. ARGV: generation, kind, attempt, time of the commit, measures as JSON or empty.
local job = read(KEYS[4])
if not reach(job, tonumber(ARGV[1])) or job.stage == 'done' then
  return 0
end
job.stage = 'done'
write(job, KEYS[1])
notice(KEYS[2], 'adopted', name_of(job.key), '', ARGV[1], 0, '')
local entry = { 'key', name_of(job.key), 'kind', ARGV[2], 'generation', ARGV[1], 'attempt', ARGV[3], 'committed_at', ARGV[4] }
if ARGV[5] ~= '' then
  entry[#entry + 1], entry[#entry + 2] = 'measures', ARGV[5]
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', MOST_RESULTS, '*', unpack(entry))
return 1
