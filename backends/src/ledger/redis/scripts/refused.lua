-- KEYS: notices. ARGV: name of the job, why a worker refused it.
notice(KEYS[1], 'refused', ARGV[1], '', 0, 0, ARGV[2])
return 1
