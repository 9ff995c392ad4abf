local u, v, t = {}, {}, {}

local function a(i, j)
  return 1 / ((i + j) * (i + j + 1) / 2 + i + 1)
end

local function mulav(n, x, y)
  for i = 0, n - 1 do
    local s = 0
    for j = 0, n - 1 do s = s + a(i, j) * x[j] end
    y[i] = s
  end
end

local function mulatv(n, x, y)
  for i = 0, n - 1 do
    local s = 0
    for j = 0, n - 1 do s = s + a(j, i) * x[j] end
    y[i] = s
  end
end

return function(n)
  for i = 0, n - 1 do u[i] = 1 end
  for _ = 1, 10 do
    mulav(n, u, t)
    mulatv(n, t, v)
    mulav(n, v, t)
    mulatv(n, t, u)
  end
  local vbv, vv = 0, 0
  for i = 0, n - 1 do
    vbv = vbv + u[i] * v[i]
    vv = vv + v[i] * v[i]
  end
  return math.floor(math.sqrt(vbv / vv) * 1000000000)
end
