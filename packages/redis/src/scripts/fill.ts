import { PRELUDE } from './prelude.ts';

/**
 * Admits a value or says which rule refused it; equal to judgeFill and fillRecord of the protocol.
 *
 * A value that is too large for its record is in a body of its own, written before and adopted here. The body that
 * it replaces goes, and so does its own when it is refused.
 *
 * KEYS: 1 meta, 2 record, 3 lease, 4 history, and 5 body for a value that is in one.
 * ARGV: 1 keyspace, 2 incarnation, 3 epoch, 4 revision, 5 versioned? (0/1), 6 era, 7 n, 8 scope,
 *       9 as-of era, 10 as-of xid, 11 schema, 12 fresh ms, 13 stale ms, 14 negative? (0/1),
 *       15 lease token ('' = none), 16 tombstone ttl ms, 17 value, 18 dependencies ('' = none),
 *       19 forget after ms, 20 when the value seen at the miss was filled ('' = none, 'any' = whatever it was),
 *       21 id of the body, 22 length of the value in it, 23 life of the body ms.
 * Returns: the verdict. An error when memory is full, or the body gone; the lease is given back all the same.
 */
export const FILL = `${PRELUDE}
-- Whether there is another value of this version than the one that was seen. One that readers can't use is none.
local function refilled(record, era, n, life, seen)
  if seen == 'any' or not record or record.later or record.era ~= era or record.n ~= n then return false end
  local head = record.head
  if #head < 88 or string.byte(head, 3) % 2 == 0 then return false end
  if string.byte(head, 2) == 3 then
    if not record.body then return false end
    local start = redis.pcall('GETRANGE', record.body, 0, 25)
    if start ~= string.char(214, 1, 0, 0) .. record.id then return false end
    if redis.call('STRLEN', record.body) ~= 26 + record.length then return false end
  end
  local e, v, scope, epoch, at, fresh, stale, schema, of = struct.unpack('>ddddddddI4', head, 21)
  if e ~= era or v ~= n or of ~= life then return false end
  if not (ordinal(scope) and ordinal(epoch) and ordinal(schema)) then return false end
  if not (at >= 0 and fresh >= 0 and stale >= 0) then return false end
  return seen == '' or tonumber(seen) ~= at
end

local meta, later = get_meta(KEYS[1])
if later then
  if KEYS[5] then redis.call('UNLINK', KEYS[5]) end
  return LATER
end
local record = get_record(KEYS[2])
local leased = ARGV[15] ~= '' and get(KEYS[3]) == ARGV[15]

local function verdict()
  if not meta then return 'uninitialised' end
  if ARGV[2] ~= meta.inc then return 'incarnation' end
  if meta.rev < tonumber(ARGV[4]) then return 'rolled-back' end
  if tonumber(ARGV[3]) < meta.epoch then return 'epoch' end
  if tonumber(ARGV[8]) < (meta.scopes[ARGV[1]] or 0) then return 'scope' end
  local life = tonumber(string.sub(redis.sha1hex(meta.inc), 1, 8), 16)
  local era, n
  if ARGV[5] == '0' then
    if not leased then return 'lease' end
    if record then era, n = record.era, record.n else era, n = 0, 0 end
  else
    era, n = tonumber(ARGV[6]), tonumber(ARGV[7])
    if forgotten(KEYS[4], tonumber(ARGV[19])) then return 'base' end
    if before(tonumber(ARGV[9]), tonumber(ARGV[10]), meta.be, meta.bx) then return 'base' end
    if tonumber(ARGV[9]) > meta.he then return 'era' end
    if record and before(era, n, record.era, record.n) then return 'below-tidemark' end
    if refilled(record, era, n, life, ARGV[20]) then return 'refilled' end
  end
  local fresh, stale = tonumber(ARGV[12]), tonumber(ARGV[13])
  local flags = 1
  if ARGV[14] == '1' then flags = 3 end
  local rest, format = ARGV[17], 1
  if KEYS[5] then
    if redis.call('PEXPIRE', KEYS[5], ARGV[23]) == 0 then
      return redis.error_reply('TIDEMARK_BODY the value was evicted before it could be filled')
    end
    format, rest = 3, ARGV[21] .. struct.pack('>I4I4', tonumber(ARGV[22]), #ARGV[18]) .. ARGV[18]
  elseif ARGV[18] ~= '' then
    format, rest = 2, struct.pack('>I4', #ARGV[18]) .. ARGV[18] .. rest
  end
  local head = struct.pack('>BBBBddddddddddI4', 212, format, flags, 0, era, n, era, n, tonumber(ARGV[8]),
    tonumber(ARGV[3]), now_ms(), fresh, stale, tonumber(ARGV[11]), life)
  local put = redis.pcall('SET', KEYS[2], head .. rest, 'PX', num(math.max(tonumber(ARGV[16]), math.ceil(fresh + stale))))
  if put.err then return put end
  return 'admitted'
end

-- The lease goes last: deleting it first would let a value in although memory is full.
local said = verdict()
if said ~= 'admitted' then
  if KEYS[5] then redis.call('UNLINK', KEYS[5]) end
elseif record and record.body then
  redis.call('UNLINK', record.body)
end
if leased then
  redis.call('DEL', KEYS[3])
  lease_ended(KEYS[3])
end
return said
`;
