return function(n)
  local total = 0
  for y = 0, n - 1 do
    local ci = 2 * y / n - 1
    for x = 0, n - 1 do
      local cr = 2 * x / n - 1.5
      local zr, zi, r2, i2 = 0, 0, 0, 0
      local k = 0
      while k < 64 and r2 + i2 <= 4 do
        zi = 2 * zr * zi + ci
        zr = r2 - i2 + cr
        r2 = zr * zr
        i2 = zi * zi
        k = k + 1
      end
      total = total + k
    end
  end
  return total
end
