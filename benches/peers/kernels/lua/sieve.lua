local LIM = 262144
local f = {}

return function(n)
  local total = 0
  for r = 0, n - 1 do
    for i = 0, LIM - 1 do f[i] = 1 end
    local count = 0
    for i = 2, LIM - 1 do
      if f[i] ~= 0 then
        count = count + 1
        for j = i + i, LIM - 1, i do f[j] = 0 end
      end
    end
    total = total + count + r % 3
  end
  return total
end
