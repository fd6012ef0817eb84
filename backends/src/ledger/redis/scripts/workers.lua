-- KEYS: cards of the workers, when they expire. Answers the cards of those that live, by id.
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now(), '+inf')
table.sort(ids)
local cards = {}
for _, id in ipairs(ids) do
  local card = redis.call('HGET', KEYS[1], id)
  if card then
    cards[#cards + 1] = card
  end
end
return cards
