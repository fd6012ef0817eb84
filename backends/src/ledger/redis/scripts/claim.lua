-- KEYS: leases, notices, open, job, mark of the ended attempt.
-- ARGV: attempt, lease in ms, format of the records, kinds, device memory in bytes (-1: any), profiles.
-- Answers what was decided, and the work or the format of the ledger.
local attempt, length_ms = ARGV[1], tonumber(ARGV[2])
local job = read(KEYS[4])
if job.stage == 'leased' and job.attempt == attempt and job.work ~= '' then
  -- The answer to the first claim was lost.
  lease(KEYS[1], job, attempt, length_ms)
  return { 'granted', job.work }
end
local open = redis.call('HMGET', KEYS[3], 'run', 'format')
if open[2] and open[2] ~= ARGV[3] then
  return { 'format', open[2] }
end
if not open[1] or open[1] ~= run() then
  return { 'closed', '' }
end
if job.stage == 'idle' or job.stage == 'done' or redis.call('EXISTS', KEYS[5]) == 1 then
  return { 'not offered', '' }
end
if job.stage == 'leased' then
  return { 'held', '' }
end
local kind, memory, profile = string.match(job.needs, '^(%S+) (%S+) (%S+)$')
local has_memory = ARGV[5] == '-1' or tonumber(ARGV[5]) >= tonumber(memory)
local has_kind = string.find(ARGV[4], ' ' .. kind .. ' ', 1, true)
local has_profile = profile == '-' or string.find(ARGV[6], ' ' .. profile .. ' ', 1, true)
if not (has_kind and has_memory and has_profile) then
  return { 'unfit', job.work }
end
lease(KEYS[1], job, attempt, length_ms)
write(job, KEYS[1])
notice(KEYS[2], 'claimed', name_of(job.key), attempt, 0, 0, '')
return { 'granted', job.work }
