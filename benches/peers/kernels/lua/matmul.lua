local a, b, c = {}, {}, {}

return function(n)
  for i = 0, n - 1 do
    for j = 0, n - 1 do
      a[i * n + j] = (i * 3 + j * 7) % 11 * 0.5 + 0.1
      b[i * n + j] = (i * 5 + j * 2) % 13 * 0.25 - 1.3
    end
  end
  for i = 0, n - 1 do
    for j = 0, n - 1 do
      local s = 0
      for k = 0, n - 1 do s = s + a[i * n + k] * b[k * n + j] end
      c[i * n + j] = s
    end
  end
  local t = 0
  for i = 0, n * n - 1 do t = t + c[i] * (i % 7) end
  return math.floor(t * 1000)
end
