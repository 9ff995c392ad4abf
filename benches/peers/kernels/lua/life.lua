local W = 256
local g, h = {}, {}

return function(n)
  local s, alive = 42, 0
  for i = 0, W * W - 1 do
    s = (s * 3877 + 29573) % 139968
    g[i] = s < 46656 and 1 or 0
  end
  for _ = 1, n do
    for y = 0, W - 1 do
      local u, m, d = (y + W - 1) % W * W, y * W, (y + 1) % W * W
      for x = 0, W - 1 do
        local l, e = (x + W - 1) % W, (x + 1) % W
        local c = g[u + l] + g[u + x] + g[u + e] + g[m + l] + g[m + e] + g[d + l] + g[d + x] + g[d + e]
        if c == 3 or (c == 2 and g[m + x] ~= 0) then h[m + x] = 1 else h[m + x] = 0 end
      end
    end
    for i = 0, W * W - 1 do g[i] = h[i] end
  end
  for i = 0, W * W - 1 do alive = (alive * 2 + g[i]) % 1000003 end
  return alive
end
