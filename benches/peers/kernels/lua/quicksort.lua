local LEN = 50000
local a = {}

local function sort(lo, hi)
  while lo < hi do
    local pivot, i, j = a[lo + bit.rshift(hi - lo, 1)], lo, hi
    while i <= j do
      while a[i] < pivot do i = i + 1 end
      while a[j] > pivot do j = j - 1 end
      if i <= j then
        a[i], a[j] = a[j], a[i]
        i = i + 1
        j = j - 1
      end
    end
    if j - lo < hi - i then
      sort(lo, j)
      lo = i
    else
      sort(i, hi)
      hi = j
    end
  end
end

return function(n)
  local s, sum = 42, 0
  for _ = 1, n do
    for i = 0, LEN - 1 do
      s = (s * 3877 + 29573) % 139968
      a[i] = s
    end
    sort(0, LEN - 1)
    for i = 0, LEN - 1, 97 do sum = (sum * 31 + a[i]) % 1000003 end
  end
  return sum
end
