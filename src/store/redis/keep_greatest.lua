-- Keeps the greater of a new row and the stored one, in (event time, created, bytes), as src/store/order.rs does.
-- KEYS[1] the key; ARGV[1] the new value, ARGV[2] its event time, ARGV[3] its created time, both int64 in decimal, and ARGV[4] both as
-- packed rows carry them, 16 bytes that compare as bytes.
-- Answers 0 when the stored row is as great or greater; else the new one was written: 1 in its place, 2 where there was nothing.

-- An int64 does not fit a Lua number. It is kept as two: the digits above the last nine, and those, both with its sign.
-- Nothing when the text is no int64.
local function int64(text)
  local sign, digits = string.match(text, '^(%-?)0*([0-9]*)$')
  if not digits or not string.find(text, '[0-9]') or #digits > 19 then
    return nil
  end
  local high = tonumber(string.sub(digits, 1, -10)) or 0
  local low = tonumber(string.sub(digits, -9)) or 0
  local last = sign == '-' and 854775808 or 854775807
  if high > 9223372036 or (high == 9223372036 and low > last) then
    return nil
  end
  if sign == '-' then
    return {-high, -low}
  end
  return {high, low}
end

local least = {-9223372036, -854775808}

-- -1, 0 or 1
local function compare(a, b)
  for i = 1, 2 do
    if a[i] ~= b[i] then
      return a[i] < b[i] and -1 or 1
    end
  end
  return 0
end

-- The times at the start of a stored value, the second the least there is when it is not there; nothing when it has none.
local function times(value)
  local space = '[ \t\n\r]*'
  local number = space .. ':' .. space .. '([%-0-9]*)' .. space
  local event_time, mark, at = string.match(value, '^' .. space .. '{' .. space .. '"__event_time"' .. number .. '([,}])()')
  event_time = event_time and int64(event_time)
  if not event_time then
    return nil
  end
  local created = mark == ',' and string.match(value, '^' .. space .. '"__created"' .. number .. '[,}]', at)
  return event_time, created and int64(created) or least
end

-- Bytes by their numbers: `<` on strings follows the locale of the server.
local function greater(a, b)
  local chunk = 1024
  for from = 1, math.min(#a, #b), chunk do
    local part_a, part_b = string.sub(a, from, from + chunk - 1), string.sub(b, from, from + chunk - 1)
    if part_a ~= part_b then
      for i = 1, math.min(#part_a, #part_b) do
        local byte_a, byte_b = string.byte(part_a, i), string.byte(part_b, i)
        if byte_a ~= byte_b then
          return byte_a > byte_b
        end
      end
      break
    end
  end
  return #a > #b
end

-- The times of a packed row (docs/row-format.md); nothing for any other value.
local function packed_times(value)
  local format = string.byte(value, 1)
  if (format == 1 or format == 2) and #value >= 25 then
    return string.sub(value, 6, 21)
  end
end

local stored = redis.call('GET', KEYS[1])
local packed = stored and packed_times(stored)
if packed then
  if ARGV[4] == packed then
    if not greater(ARGV[1], stored) then
      return 0
    end
  elseif not greater(ARGV[4], packed) then
    return 0
  end
elseif stored then
  local event_time, created = times(stored)
  if event_time then
    local order = compare(int64(ARGV[2]), event_time)
    if order == 0 then
      order = compare(int64(ARGV[3]), created)
    end
    if order < 0 or (order == 0 and not greater(ARGV[1], stored)) then
      return 0
    end
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return stored and 1 or 2
