local p, q, cnt = {}, {}, {}

return function(n)
  local maxflips, sum, idx, r = 0, 0, 0, n
  for i = 0, n - 1 do p[i] = i end
  while true do
    while r > 1 do
      cnt[r - 1] = r
      r = r - 1
    end
    local first = p[0]
    if first ~= 0 then
      local flips = 0
      for i = 0, n - 1 do q[i] = p[i] end
      repeat
        local lo, hi = 0, first
        while lo < hi do
          q[lo], q[hi] = q[hi], q[lo]
          lo = lo + 1
          hi = hi - 1
        end
        flips = flips + 1
        first = q[0]
      until first == 0
      if flips > maxflips then maxflips = flips end
      if idx % 2 == 0 then sum = sum + flips else sum = sum - flips end
    end
    while true do
      if r == n then return sum * 100 + maxflips end
      local t = p[0]
      for i = 0, r - 1 do p[i] = p[i + 1] end
      p[r] = t
      cnt[r] = cnt[r] - 1
      if cnt[r] > 0 then break end
      r = r + 1
    end
    idx = idx + 1
  end
end
