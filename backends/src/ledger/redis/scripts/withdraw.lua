-- KEYS: leases, then one job each.
for index = 2, #KEYS do
  local job = read(KEYS[index])
  job.wanted = false
  if job.stage == 'offered' then
    job.stage = 'idle'
  end
  write(job, KEYS[1])
end
return #KEYS - 1
