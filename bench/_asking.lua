-- wrk's part of the OCSP benches: requests.txt, what stands before the Base64, GET or POST.
local requests = {}
local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local value_of = {}
for place = 1, #digits do value_of[digits:sub(place, place)] = place - 1 end

local function decoded(text)
   local bits, count, bytes = 0, 0, {}
   for letter in text:gmatch("[%w%+/]") do
      bits = bits * 64 + value_of[letter]
      count = count + 6
      if count >= 8 then
         count = count - 8
         local unit = 2 ^ count
         bytes[#bytes + 1] = string.char(math.floor(bits / unit))
         bits = bits % unit
      end
   end
   return table.concat(bytes)
end

function init(args)
   local prefix, method = args[2], args[3]
   local headers = { ["Content-Type"] = "application/ocsp-request" }
   for line in io.lines(args[1]) do
      if method == "POST" then
         requests[#requests + 1] = wrk.format("POST", prefix, headers, decoded(line))
      else
         local quoted = line:gsub("%+", "%%2B"):gsub("/", "%%2F"):gsub("=", "%%3D")
         requests[#requests + 1] = wrk.format("GET", prefix .. quoted)
      end
   end
   math.randomseed(os.time())
end

function request()
   return requests[math.random(#requests)]
end
