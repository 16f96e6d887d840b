-- Writes a value if the stored one is still the one that its writer read.
-- KEYS[1] the key; ARGV[1] the SHA-1 hash of the expected value in lower-case hexadecimal digits, empty for no value under the key;
-- ARGV[2] the new value.
-- Answers 1 when the new value was written, 0 when the key holds another value than the expected one, or none.

local stored = redis.call('GET', KEYS[1])
if (stored and redis.sha1hex(stored) or '') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
