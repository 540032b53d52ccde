import { FILL_RULES } from './fill-rules.ts';
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
export const FILL = `${PRELUDE}${FILL_RULES}
local meta, later = get_meta(KEYS[1])
if later then
  if KEYS[5] then redis.call('UNLINK', KEYS[5]) end
  return LATER
end
local record = get_record(KEYS[2])
local leased = ARGV[15] ~= '' and get(KEYS[3]) == ARGV[15]

local function verdict()
  local refused = store_refuses(meta, ARGV[2], ARGV[3], ARGV[4])
  if refused then return refused end
  if tonumber(ARGV[8]) < (meta.scopes[ARGV[1]] or 0) then return 'scope' end
  local life, schema = life_of(meta), tonumber(ARGV[11])
  local era, n, seat
  if ARGV[5] == '0' then
    if not leased then return 'lease' end
    if record then era, n = record.era, record.n else era, n = 0, 0 end
    seat = seat_of(KEYS[2], record, era, n, life, schema)
  else
    era, n = tonumber(ARGV[6]), tonumber(ARGV[7])
    refused = too_old(meta, KEYS[4], ARGV[9], ARGV[10], ARGV[19]) or record_refuses(record, era, n)
    if refused then return refused end
    seat = seat_of(KEYS[2], record, era, n, life, schema)
    refused = seat_refuses(seat, ARGV[20])
    if refused then return refused end
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
    tonumber(ARGV[3]), now_ms(), fresh, stale, schema, life)
  return take_seat(seat, head .. rest, math.max(tonumber(ARGV[16]), math.ceil(fresh + stale))) or 'admitted'
end

-- The lease goes last: deleting it first would let a value in although memory is full.
local said = verdict()
if said ~= 'admitted' and KEYS[5] then redis.call('UNLINK', KEYS[5]) end
if leased then
  redis.call('DEL', KEYS[3])
  lease_ended(KEYS[3])
end
return said
`;
