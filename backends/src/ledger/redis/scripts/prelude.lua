-- Put before every script. Scripts are atomic; time is the server's.
--
-- One record per job, a string of three parts, each after a line break but the first:
--   <stage> <generation> <wanted|withdrawn> <attempt that holds it, or ->
--   <what a worker must have, see needs.rs>
--   <the work as JSON>
-- The last two are empty where the job is neither offered nor claimed. No record: idle, generation 0, wanted.
-- All is about this generation; older ones are revoked.

-- A record that nobody touches is forgotten: in 30 days, and in a quarter of an hour where the job is done or idle. Until
-- then it spares an attempt that comes back, and a ticket that comes late, a look into the store.
local KEEP_MS, KEEP_IDLE_MS = 2592000000, 900000
-- An attempt that ended does not come back for a day.
local KEEP_ENDED_MS = 86400000
-- Notices and results that are kept at most, about.
local MOST_NOTICES, MOST_RESULTS = 100000, 100000

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Changes with every start of the server.
local function run()
  local told = redis.pcall('INFO', 'server')
  return type(told) == 'string' and string.match(told, 'run_id:(%w+)') or 'unknown'
end

local function name_of(job)
  return string.sub(job, -64)
end

local function read(key)
  local job = { key = key, stage = 'idle', generation = 0, wanted = true, attempt = '-', needs = '', work = '' }
  local text = redis.call('GET', key)
  if text then
    local stage, generation, wanted, attempt, needs, work =
      string.match(text, '^(%l+) (%d+) (%l+) (%S+)\n([^\n]*)\n(.*)$')
    job.stage, job.generation, job.wanted = stage, tonumber(generation), wanted == 'wanted'
    job.attempt, job.needs, job.work = attempt, needs, work
  end
  job.was_leased = job.stage == 'leased'
  return job
end

local function write(job, leases)
  if job.was_leased and job.stage ~= 'leased' then
    redis.call('ZREM', leases, name_of(job.key))
  end
  if job.stage == 'idle' and job.generation == 0 and job.wanted then
    redis.call('DEL', job.key)
    return
  end
  local keep = KEEP_MS
  if job.stage == 'idle' or job.stage == 'done' then
    job.attempt, job.needs, job.work, keep = '-', '', '', KEEP_IDLE_MS
  end
  local wanted = job.wanted and 'wanted' or 'withdrawn'
  local head = job.stage .. ' ' .. job.generation .. ' ' .. wanted .. ' ' .. job.attempt
  redis.call('SET', job.key, head .. '\n' .. job.needs .. '\n' .. job.work, 'PX', keep)
end

-- Whether this generation is not a stale one. A newer one makes what is known of the older ones stale.
local function reach(job, generation)
  if generation > job.generation then
    job.generation, job.stage, job.attempt, job.needs, job.work = generation, 'idle', '-', '', ''
  end
  return generation == job.generation
end

local function lease(leases, job, attempt, length_ms)
  job.stage, job.attempt = 'leased', attempt
  redis.call('ZADD', leases, now() + length_ms, name_of(job.key))
end

-- Always the same fields: Redis stores their names once.
local function notice(notices, name, job, attempt, number, total, text)
  redis.call('XADD', notices, 'MAXLEN', '~', MOST_NOTICES, '*', 'notice', name, 'key', job, 'attempt', attempt,
    'number', number, 'total', total, 'text', text)
end
