return function(n)
  local total, best, besti = 0, 0, 0
  for i = 1, n - 1 do
    local x, steps = i, 0
    while x ~= 1 do
      if x % 2 == 0 then x = x / 2 else x = 3 * x + 1 end
      steps = steps + 1
    end
    total = total + steps
    if steps > best then best, besti = steps, i end
  end
  return total * 1000 + besti % 1000
end
