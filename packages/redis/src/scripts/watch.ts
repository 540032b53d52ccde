import { PRELUDE } from './prelude.ts';

/**
 * Keeps the tidemark of a dependency for the life of a value; equal to judgeWatch and raiseRecord of
 * the protocol.
 *
 * KEYS: 1 meta, 2 record, 3 history.
 * ARGV: 1 keyspace, 2 scope key? (0/1), 3 era, 4 n, 5 scope, 6 as-of era, 7 as-of xid, 8 life ms,
 *       9 forget after ms.
 * Returns: the verdict, meta text ('' = none).
 */
export const WATCH = `${PRELUDE}
local meta, later = get_meta(KEYS[1])
if later then return LATER end
if not meta then return { 'uninitialised', '' } end
local text = meta_text(meta)
if tonumber(ARGV[5]) < (meta.scopes[ARGV[1]] or 0) then return { 'scope', text } end
if forgotten(KEYS[3], tonumber(ARGV[9])) or before(tonumber(ARGV[6]), tonumber(ARGV[7]), meta.be, meta.bx) then return { 'base', text } end
if tonumber(ARGV[6]) > meta.he then return { 'era', text } end
local record = get_record(KEYS[2])
local era, n = tonumber(ARGV[3]), tonumber(ARGV[4])
if record and before(era, n, record.era, record.n) then return { 'below-tidemark', text } end
if ARGV[2] == '0' then raise_record(KEYS[2], record, era, n, tonumber(ARGV[8])) end
return { 'admitted', text }
`;
