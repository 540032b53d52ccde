/**
 * The rules that a fill must pass, in the order of judgeFill. Each function returns the first that refuses it, or
 * nil. Goes after the prelude.
 */
export const FILL_RULES = `
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

-- What the store's state says of any fill that saw it so.
local function store_refuses(meta, incarnation, epoch, revision)
  if not meta then return 'uninitialised' end
  if incarnation ~= meta.inc then return 'incarnation' end
  if meta.rev < tonumber(revision) then return 'rolled-back' end
  if tonumber(epoch) < meta.epoch then return 'epoch' end
end
local function too_old(meta, history, era, xid, forget)
  if forgotten(history, tonumber(forget)) then return 'base' end
  if before(tonumber(era), tonumber(xid), meta.be, meta.bx) then return 'base' end
  if tonumber(era) > meta.he then return 'era' end
end
local function record_refuses(record, era, n, life, seen)
  if record and before(era, n, record.era, record.n) then return 'below-tidemark' end
  if refilled(record, era, n, life, seen) then return 'refilled' end
end
local function life_of(meta) return tonumber(string.sub(redis.sha1hex(meta.inc), 1, 8), 16) end
`;
