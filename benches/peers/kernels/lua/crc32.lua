local band, bnot, bxor, rshift = bit.band, bit.bnot, bit.bxor, bit.rshift
local LEN = 65536
local tab, buf = {}, {}

return function(n)
  for i = 0, 255 do
    local c = i
    for _ = 1, 8 do
      c = band(c, 1) ~= 0 and bxor(rshift(c, 1), 0xEDB88320) or rshift(c, 1)
    end
    tab[i] = c
  end
  local s = 42
  for i = 0, LEN - 1 do
    s = (s * 3877 + 29573) % 139968
    buf[i] = s % 256
  end
  local crc = -1
  for _ = 1, n do
    for i = 0, LEN - 1 do
      crc = bxor(tab[band(bxor(crc, buf[i]), 255)], rshift(crc, 8))
    end
  end
  return bnot(crc) % 4294967296
end
