import { PRELUDE } from './prelude.ts';

/**
 * Admits a value or says which rule refused it; equal to judgeFill and fillRecord of the protocol.
 *
 * KEYS: 1 meta, 2 record, 3 lease, 4 history.
 * ARGV: 1 keyspace, 2 incarnation, 3 epoch, 4 revision, 5 versioned? (0/1), 6 era, 7 n, 8 scope,
 *       9 as-of era, 10 as-of xid, 11 schema, 12 fresh ms, 13 stale ms, 14 negative? (0/1),
 *       15 lease token ('' = none), 16 tombstone ttl ms, 17 value, 18 dependencies ('' = none),
 *       19 forget after ms, 20 when the value seen at the miss was filled ('' = none, 'any' = whatever it was).
 * Returns: the verdict. An error when memory is full; the lease is given back all the same.
 */
export const FILL = `${PRELUDE}
-- Whether there is another value of this version than the one that was seen. One that readers can't use is none.
local function refilled(record, era, n, life, seen)
  if seen == 'any' or not record or record.later or record.era ~= era or record.n ~= n then return false end
  local head = redis.pcall('GETRANGE', KEYS[2], 0, 87)
  if #head < 88 or string.byte(head, 3) % 2 == 0 then return false end
  local e, v, scope, epoch, at, fresh, stale, schema, of = struct.unpack('>ddddddddI4', head, 21)
  if e ~= era or v ~= n or of ~= life then return false end
  if not (ordinal(scope) and ordinal(epoch) and ordinal(schema)) then return false end
  if not (at >= 0 and fresh >= 0 and stale >= 0) then return false end
  return seen == '' or tonumber(seen) ~= at
end

local meta, later = get_meta(KEYS[1])
if later then return LATER end
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
  local dependencies, format = ARGV[18], 1
  if dependencies ~= '' then
    format, dependencies = 2, struct.pack('>I4', #dependencies) .. dependencies
  end
  local head = struct.pack('>BBBBddddddddddI4', 212, format, flags, 0, era, n, era, n, tonumber(ARGV[8]),
    tonumber(ARGV[3]), now_ms(), fresh, stale, tonumber(ARGV[11]), life)
  local put = redis.pcall('SET', KEYS[2], head .. dependencies .. ARGV[17], 'PX', num(math.max(tonumber(ARGV[16]), math.ceil(fresh + stale))))
  if put.err then return put end
  return 'admitted'
end

-- The lease goes last: deleting it first would let a value in although memory is full.
local said = verdict()
if leased then
  redis.call('DEL', KEYS[3])
  lease_ended(KEYS[3])
end
return said
`;
