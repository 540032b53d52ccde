/**
 * Reads a string key; nil when there is none, or something that is not a string.
 * Foreign data must not make a script fail: what it is in the way of is overwritten.
 */
export const GET = `
local function get(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then return value end
  return nil
end
`;

/** Tells those who wait for a lease. Nobody may, the user may not be allowed to, or Redis be too old for it. */
export const LEASE_ENDED = `
local function lease_ended(key) redis.pcall('SPUBLISH', key, '') end
`;

/**
 * Lua shared by the scripts that touch records and meta: the same formats as `meta-text.ts` and
 * `record-bytes.ts`. Numbers are printed with `%.0f`, since Lua's own printing keeps 14 digits.
 */
export const PRELUDE = `${GET}${LEASE_ENDED}
local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
-- Redis refuses to grow while its memory is full, but only before a script's first write. What must not fail
-- then comes after this one, which changes nothing: the key has no expiry.
local function although_full(key) redis.call('PERSIST', key) end
local function num(n) return string.format('%.0f', n) end
local function ordinal(n) return n and n >= 0 and n < 9007199254740992 and n % 1 == 0 end
local function before(e1, x1, e2, x2) return e1 < e2 or (e1 == e2 and x1 < x2) end

local function meta_text(m)
  local parts = { '1', m.inc, m.line, num(m.epoch), num(m.rev), num(m.he), num(m.hx), num(m.be), num(m.bx) }
  for _, name in ipairs(m.names) do table.insert(parts, name .. '=' .. num(m.scopes[name])) end
  return table.concat(parts, ' ')
end
-- The meta, or nil, and whether there is one of a later release: that is not ours to replace.
local LATER = redis.error_reply('TIDEMARK_LATER the meta has a later format')
local function get_meta(key)
  local text = get(key)
  if not text then return nil end
  local format = string.match(text, '^([1-9]%d*) ')
  if format and #format <= 9 and tonumber(format) > 1 then return nil, true end
  local inc, line, epoch, rev, he, hx, be, bx, rest =
    string.match(text, '^1 ([!-~]+) ([!-~]+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
  if not inc then return nil end
  local m = { inc = inc, line = line, epoch = tonumber(epoch), rev = tonumber(rev), he = tonumber(he),
    hx = tonumber(hx), be = tonumber(be), bx = tonumber(bx), scopes = {}, names = {} }
  for name, n in string.gmatch(rest, ' ([^= ]+)=(%d+)') do
    m.scopes[name] = tonumber(n)
    table.insert(m.names, name)
  end
  if meta_text(m) ~= text then return nil end
  return m
end

-- Whether more may be forgotten than the base says; equal to mayHaveForgotten. Takes the history key.
local function forgotten(key, forget)
  local last = string.match(get(key) or '', '(%d+) %d+ %d+$')
  return not last or now_ms() - tonumber(last) > forget
end

-- The first 20 bytes of a record are the same in every format, so that no release loses a tidemark. No more is
-- read than the pointer to a body: a value may be large. The body's key is in the record's slot, and named after
-- it, also when what is read is kept beside the record.
local function get_record(key, named)
  local head = redis.pcall('GETRANGE', key, 0, 113)
  if type(head) ~= 'string' or #head < 20 or string.byte(head, 1) ~= 212 then return nil end
  local format, era, n = string.byte(head, 2), struct.unpack('>dd', head, 5)
  if not (ordinal(era) and ordinal(n)) then return nil end
  local record = { era = era, n = n, head = head, later = format < 1 or format > 3 }
  if format == 3 and #head == 114 then
    record.id = string.sub(head, 89, 110)
    record.body, record.length = (named or key) .. ':value:' .. record.id, struct.unpack('>I4', head, 111)
  end
  return record
end
-- Tidemark := max; the record lives for at least ttl ms more. A value below its tidemark serves nobody, and gives
-- its memory back; of a later format every other byte stays.
local function raise_record(key, record, era, n, ttl)
  local left = num(math.max(redis.call('PTTL', key), ttl))
  if record and not before(record.era, record.n, era, n) then
    redis.call('PEXPIRE', key, left)
  elseif record and record.later then
    redis.call('SETRANGE', key, 4, struct.pack('>dd', era, n))
    redis.call('PEXPIRE', key, left)
  else
    redis.call('SET', key, struct.pack('>BBBBdd', 212, 1, 0, 0, era, n), 'PX', left)
    if record and record.body then redis.call('UNLINK', record.body) end
  end
end
`;
