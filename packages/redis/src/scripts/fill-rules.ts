/**
 * The rules that a fill must pass, in the order of judgeFill. Each function returns the first that refuses it, or
 * nil. Goes after the prelude.
 */
export const FILL_RULES = `
-- Whether a value that is in a body has it still.
local function is_whole(record)
  if string.byte(record.head, 2) ~= 3 then return true end
  local start = redis.pcall('GETRANGE', record.body, 0, 25)
  return start == string.char(214, 1, 0, 0) .. record.id and redis.call('STRLEN', record.body) == 26 + record.length
end
-- A record's value, if it is of this version and life. Else nil.
local function value_of(record, era, n, life)
  if not record or record.later or record.era ~= era or record.n ~= n then return nil end
  local head = record.head
  if #head < 88 or string.byte(head, 3) % 2 == 0 or (string.byte(head, 2) == 3 and not record.body) then return nil end
  local e, v, scope, epoch, at, fresh, stale, schema, of = struct.unpack('>ddddddddI4', head, 21)
  if e ~= era or v ~= n or of ~= life then return nil end
  if not (ordinal(scope) and ordinal(epoch) and ordinal(schema)) then return nil end
  if not (at >= 0 and fresh >= 0 and stale >= 0) then return nil end
  return { at = at, schema = schema, record = record }
end

-- Where a fill goes, whose value it finds there, and what it makes needless; equal to fillRecord. What is beside a
-- value that is gone goes as well: a label that comes again must not bring it back.
local function seat_of(name, record, era, n, life, schema)
  local value = value_of(record, era, n, life)
  local seat = { name = name, to = name, known = value, beside = name .. ':beside', drops = {} }
  local replaced = record
  if not value or value.schema ~= schema then
    local other = get_record(seat.beside, name)
    if not value then
      if other then seat.drops = { seat.beside, other.body } end
    else
      replaced = other
      seat.known = value_of(other, era, n, life)
      if seat.known and seat.known.schema ~= schema then seat.known = nil end
      if value.schema > schema then seat.to = seat.beside else seat.moves = true end
    end
  end
  if replaced and replaced.body then table.insert(seat.drops, replaced.body) end
  return seat
end
-- Nil, or the error that memory is full.
local function take_seat(seat, bytes, ttl)
  if seat.moves then
    local moved = redis.pcall('SET', seat.beside, get(seat.name), 'PX', num(math.max(1, redis.call('PTTL', seat.name))))
    if moved.err then return moved end
  end
  local put = redis.pcall('SET', seat.to, bytes, 'PX', num(ttl))
  if put.err then return put end
  if #seat.drops > 0 then redis.call('UNLINK', unpack(seat.drops)) end
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
local function record_refuses(record, era, n)
  if record and before(era, n, record.era, record.n) then return 'below-tidemark' end
end
-- Whether there is another value of this version and schema than the one that was seen. One that readers can't use
-- is none.
local function seat_refuses(seat, seen)
  if seen == 'any' or not seat.known or not is_whole(seat.known.record) then return nil end
  if seen == '' or tonumber(seen) ~= seat.known.at then return 'refilled' end
end
local function life_of(meta) return tonumber(string.sub(redis.sha1hex(meta.inc), 1, 8), 16) end
`;
