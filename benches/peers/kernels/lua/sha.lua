local band, bnot, bxor, lshift, rshift = bit.band, bit.bnot, bit.bxor, bit.lshift, bit.rshift
local rotr, tobit = bit.ror, bit.tobit
local k, w, h = {}, {}, {}

return function(n)
  local x = 0x12345678
  for i = 0, 63 do
    x = bxor(x, lshift(x, 13))
    x = bxor(x, rshift(x, 17))
    x = bxor(x, lshift(x, 5))
    k[i] = x
  end
  for i = 0, 7 do h[i] = bxor(k[i], 0x5a5a5a5a) end
  for block = 0, n - 1 do
    for i = 0, 15 do w[i] = tobit(h[band(i, 7)] + block + i) end
    for i = 16, 63 do
      local v, y = w[i - 15], w[i - 2]
      local s0 = bxor(rotr(v, 7), rotr(v, 18), rshift(v, 3))
      local s1 = bxor(rotr(y, 17), rotr(y, 19), rshift(y, 10))
      w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
    end
    local a, b, c, d, e, f, g, hh = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    for i = 0, 63 do
      local s1 = bxor(rotr(e, 6), rotr(e, 11), rotr(e, 25))
      local ch = bxor(band(e, f), band(bnot(e), g))
      local t1 = hh + s1 + ch + k[i] + w[i]
      local s0 = bxor(rotr(a, 2), rotr(a, 13), rotr(a, 22))
      local mj = bxor(band(a, b), band(a, c), band(b, c))
      hh, g, f, e = g, f, e, tobit(d + t1)
      d, c, b, a = c, b, a, tobit(t1 + s0 + mj)
    end
    h[0], h[1], h[2], h[3] = tobit(h[0] + a), tobit(h[1] + b), tobit(h[2] + c), tobit(h[3] + d)
    h[4], h[5], h[6], h[7] = tobit(h[4] + e), tobit(h[5] + f), tobit(h[6] + g), tobit(h[7] + hh)
  end
  local r = 0
  for i = 0, 7 do r = bxor(r, h[i]) end
  return r % 4294967296
end
