local sqrt, modf = math.sqrt, math.modf
local B = 5
local px, py, pz, vx, vy, vz, ms = {}, {}, {}, {}, {}, {}, {}

local function energy()
  local e = 0
  for i = 0, B - 1 do
    e = e + 0.5 * ms[i] * (vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i])
    for j = i + 1, B - 1 do
      local dx, dy, dz = px[i] - px[j], py[i] - py[j], pz[i] - pz[j]
      e = e - ms[i] * ms[j] / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return e
end

local function step(dt)
  for i = 0, B - 1 do
    for j = i + 1, B - 1 do
      local dx, dy, dz = px[i] - px[j], py[i] - py[j], pz[i] - pz[j]
      local d2 = dx * dx + dy * dy + dz * dz + 0.01
      local mag = dt / (d2 * sqrt(d2))
      local mj, mi = ms[j] * mag, ms[i] * mag
      vx[i] = vx[i] - dx * mj
      vy[i] = vy[i] - dy * mj
      vz[i] = vz[i] - dz * mj
      vx[j] = vx[j] + dx * mi
      vy[j] = vy[j] + dy * mi
      vz[j] = vz[j] + dz * mi
    end
  end
  for i = 0, B - 1 do
    px[i] = px[i] + dt * vx[i]
    py[i] = py[i] + dt * vy[i]
    pz[i] = pz[i] + dt * vz[i]
  end
end

return function(n)
  for i = 0, B - 1 do
    px[i] = 2.5 * i
    py[i] = 1.25 * (i * i % 3)
    pz[i] = 0.5 - 0.25 * i
    vx[i] = 0
    vy[i] = i == 0 and 0 or 3 / (i + 1)
    vz[i] = 0.0625 * i
    ms[i] = i == 0 and 40 or 0.5 / i
  end
  local e0 = energy()
  for _ = 1, n do step(0.001) end
  local e1 = energy()
  return (modf(e0 * 1000000)) + (modf(e1 * 1000000000))
end
