import { FILL_RULES } from './fill-rules.ts';
import { PRELUDE } from './prelude.ts';

/**
 * Several fills without leases that saw the store alike, each as FILL would judge it. Their records come ready
 * but for the time.
 *
 * KEYS: 1 meta, 2 history, then the records.
 * ARGV: 1 incarnation, 2 epoch, 3 revision, 4 as-of era, 5 as-of xid, 6 forget after ms, 7 tombstone ttl ms, then
 *       for each: keyspace, when the value seen at the miss was filled ('' = none, 'any' = whatever it was), record.
 * Returns: the verdicts. An error when memory is full: some may have been admitted.
 */
export const FILL_MANY = `${PRELUDE}${FILL_RULES}
local meta, later = get_meta(KEYS[1])
if later then return LATER end
local refused = store_refuses(meta, ARGV[1], ARGV[2], ARGV[3])
local old = meta and too_old(meta, KEYS[2], ARGV[4], ARGV[5], ARGV[6])
local life, tombstone = meta and life_of(meta), tonumber(ARGV[7])
local at = struct.pack('>d', now_ms())

local verdicts = {}
for i = 3, #KEYS do
  local arg = 8 + (i - 3) * 3
  local put = ARGV[arg + 2]
  local era, n, scope = struct.unpack('>ddd', put, 21)
  local fresh, stale, schema = struct.unpack('>ddd', put, 61)
  local said = refused
  if not said and scope < (meta.scopes[ARGV[arg]] or 0) then said = 'scope' end
  said = said or old
  if not said then
    local record = get_record(KEYS[i])
    local seat
    said = record_refuses(record, era, n)
    if not said then
      seat = seat_of(KEYS[i], record, era, n, life, schema)
      said = seat_refuses(seat, ARGV[arg + 1])
    end
    if not said then
      local bytes = string.sub(put, 1, 52) .. at .. string.sub(put, 61)
      local failed = take_seat(seat, bytes, math.max(tombstone, math.ceil(fresh + stale)))
      if failed then return failed end
      said = 'admitted'
    end
  end
  verdicts[i - 2] = said
end
return verdicts
`;
