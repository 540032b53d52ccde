import { PRELUDE } from './prelude.ts';

/**
 * Makes an empty store usable; does nothing when it has a meta. Equal to initState.
 *
 * KEYS: 1 meta, 2 mark, 3 history. ARGV: 1 incarnation, 2 horizon era, 3 horizon xid,
 * 4 mark that the store must have ('' = any). Returns: meta text; '' when the mark is not there.
 */
export const INITIALISE = `${PRELUDE}
local meta, later = get_meta(KEYS[1])
if later then return LATER end
although_full(KEYS[1])
if not meta then
  if ARGV[4] ~= '' and get(KEYS[2]) ~= ARGV[4] then return '' end
  local e, x = tonumber(ARGV[2]), tonumber(ARGV[3])
  meta = { inc = ARGV[1], line = ARGV[1], epoch = 0, rev = 0, he = e, hx = x, be = e, bx = x, scopes = {}, names = {} }
  redis.call('SET', KEYS[1], meta_text(meta))
  redis.call('SET', KEYS[3], num(now_ms()) .. ' ' .. num(e) .. ' ' .. num(x))
  redis.call('DEL', KEYS[2])
end
return meta_text(meta)
`;

/**
 * Every value becomes void, and tidemarks before the base count as forgotten. Equal to
 * raiseStateEpoch.
 *
 * KEYS: 1 meta. ARGV: 1 base era, 2 base xid. Returns: nothing of interest.
 */
export const RAISE_EPOCH = `${PRELUDE}
local meta, later = get_meta(KEYS[1])
if later then return LATER end
if not meta then return 0 end
although_full(KEYS[1])
local e, x = tonumber(ARGV[1]), tonumber(ARGV[2])
meta.epoch, meta.rev = meta.epoch + 1, meta.rev + 1
if meta.he < e then meta.scopes, meta.names = {}, {} end
if before(meta.he, meta.hx, e, x) then meta.he, meta.hx = e, x end
if before(meta.be, meta.bx, e, x) then meta.be, meta.bx = e, x end
redis.call('SET', KEYS[1], meta_text(meta))
return 0
`;
