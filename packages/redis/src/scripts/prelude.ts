/**
 * Lua shared by all scripts: the text form of the meta and the binary form of records, as
 * `meta-text.ts` and `record-bytes.ts` write them. Numbers are printed with `%.0f`, since Lua's own
 * printing keeps 14 digits only.
 */
export const PRELUDE = `
local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function num(n) return string.format('%.0f', n) end
local function before(e1, x1, e2, x2) return e1 < e2 or (e1 == e2 and x1 < x2) end
local function get_meta(key)
  local text = redis.call('GET', key)
  if not text then return nil end
  local f, inc, epoch, rev, he, hx, be, bx, rest =
    string.match(text, '^(%d+) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
  if f ~= '1' then return nil end
  local m = { inc = inc, epoch = tonumber(epoch), rev = tonumber(rev), he = tonumber(he), hx = tonumber(hx),
    be = tonumber(be), bx = tonumber(bx), scopes = {}, names = {} }
  for name, n in string.gmatch(rest, ' ([^= ]+)=(%d+)') do
    m.scopes[name] = tonumber(n)
    table.insert(m.names, name)
  end
  return m
end
local function meta_text(m)
  local parts = { '1', m.inc, num(m.epoch), num(m.rev), num(m.he), num(m.hx), num(m.be), num(m.bx) }
  for _, name in ipairs(m.names) do table.insert(parts, name .. '=' .. num(m.scopes[name])) end
  return table.concat(parts, ' ')
end
local function get_record(key)
  local bytes = redis.call('GET', key)
  if not bytes or #bytes < 60 or string.byte(bytes, 1) ~= 84 or string.byte(bytes, 2) ~= 1 then return nil end
  local era, n = struct.unpack('>I4d', bytes, 5)
  return { era = era, n = n, bytes = bytes }
end
`;
