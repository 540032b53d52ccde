import { PRELUDE } from './prelude.ts';

/**
 * Raises tidemarks, and, for an applier, chains a mark and moves the horizon: `raise` and `apply`
 * of the store port, equal to raiseRecord, raiseScopes, chainBatch and advanceState of the protocol, but that a
 * value which a raise voids is dropped. Works also when memory is full: deleting a lease is a first write, too.
 *
 * KEYS: 1 meta, 2 mark, 3 history, then for each record: record, lease.
 * ARGV: 1 mark ('' = a plain raise), 2 expected mark ('' = any), 3 tombstone ttl ms,
 *       4 forget after ms, 5 advance? (0/1), 6 from era, 7 from xid, 8 to era, 9 to xid,
 *       10 scopes max, 11 history max, 12 lineage, 13 number of scopes, then name, era and n of each scope,
 *       then era and n of each record.
 * Returns: outcome, meta text ('' = none).
 */
export const RAISE = `${PRELUDE}
local meta, later = get_meta(KEYS[1])
local mark, expect, ttl, forget = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local at = 14
local dirty = false
if not later then although_full(KEYS[1]) end

for i = 1, tonumber(ARGV[13]) do
  local name, era, n = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  if meta and era > meta.he then
    dirty = true
    meta.epoch = meta.epoch + 1
  elseif meta and era == meta.he and n > (meta.scopes[name] or 0) then
    dirty = true
    if not meta.scopes[name] and #meta.names >= tonumber(ARGV[10]) then
      meta.epoch = meta.epoch + 1
    else
      if not meta.scopes[name] then table.insert(meta.names, name) end
      meta.scopes[name] = n
    end
  end
end

for i = 4, #KEYS, 2 do
  local key, era, n = KEYS[i], tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  local leased = redis.call('DEL', KEYS[i + 1]) == 1
  raise_record(key, get_record(key), era, n, ttl)
  if leased then lease_ended(KEYS[i + 1]) end
end

local function advance(fe, fx, te, tx)
  if before(te, tx, meta.he, meta.hx) then return 'behind' end
  if before(meta.he, meta.hx, fe, fx) then return 'gap' end
  local era, now, max = meta.he, now_ms(), tonumber(ARGV[11])
  local history = {}
  for t, e, x in string.gmatch(get(KEYS[3]) or '', '(%d+) (%d+) (%d+)') do
    table.insert(history, { tonumber(t), tonumber(e), tonumber(x) })
  end
  local back = #history > 0 and history[#history][1] > now
  while #history > 0 and (back or #history >= max or history[1][1] <= now - forget) do
    local h = table.remove(history, 1)
    if before(meta.be, meta.bx, h[2], h[3]) then meta.be, meta.bx = h[2], h[3] end
  end
  if before(meta.he, meta.hx, te, tx) then meta.he, meta.hx = te, tx end
  if #history == 0 and before(meta.be, meta.bx, meta.he, meta.hx) then meta.be, meta.bx = meta.he, meta.hx end
  if meta.he > era then
    meta.be, meta.bx, meta.scopes, meta.names, history = meta.he, meta.hx, {}, {}, {}
  end
  if #history == 0 or now - history[#history][1] >= forget / (max - 2) then
    table.insert(history, { now, meta.he, meta.hx })
  end
  local parts = {}
  for _, h in ipairs(history) do table.insert(parts, num(h[1]) .. ' ' .. num(h[2]) .. ' ' .. num(h[3])) end
  redis.call('SET', KEYS[3], table.concat(parts, ';'))
  meta.line, meta.rev = ARGV[12], meta.rev + 1
  dirty = true
  return 'advanced'
end

-- Tidemarks are the same in every format; all else of a later release is not ours to change.
if later then return LATER end
if not meta then
  -- The mark tells INITIALISE that what was applied is still there.
  if mark ~= '' and (expect == '' or get(KEYS[2]) == expect) then redis.call('SET', KEYS[2], mark) end
  return { 'uninitialised', '' }
end
local outcome = 'applied'
if mark ~= '' then
  local marked = expect == '' or get(KEYS[2]) == expect
  if marked then redis.call('SET', KEYS[2], mark) end
  if ARGV[5] == '1' then
    outcome = 'mark'
    if marked then outcome = advance(tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])) end
  end
end
local text = meta_text(meta)
if dirty then redis.call('SET', KEYS[1], text) end
return { outcome, text }
`;
