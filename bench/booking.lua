-- booking.lua - makes wrk POST bookings, each of another room and day, so that every one is legal.
--
--   wrk -t 2 -c 64 -d 3s -s booking.lua URL -- TOKEN FIRST THREADS
--
-- FIRST is a day as a number (days since 1970-01-01); the threads take every THREADS-th day from
-- there, and on each day all rooms. What is sent is put together from ready pieces: the load
-- generator shares the processors with what it measures.

local rooms = {"79ca06f8-1163-48e8-b279-23fca5669623", "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1",
               "2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2"}
local started = 0

function setup(thread)
    thread:set("number", started)
    started = started + 1
end

local heads, room, day, step, text = {}, #rooms, 0, 0, ""

function init(args)
    step = tonumber(args[3])
    day = tonumber(args[2]) + number - step
    for i, id in ipairs(rooms) do
        local body = '{"room_id":"' .. id .. '","booked_on":"'
        heads[i] = "POST /bookings HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
                   "\r\nAuthorization: Bearer " .. args[1] ..
                   "\r\nContent-Type: application/json\r\nContent-Length: " .. (#body + #'YYYY-MM-DD"}') ..
                   "\r\n\r\n" .. body
    end
end

function request()
    if room == #rooms then
        room, day = 0, day + step
        text = os.date("!%Y-%m-%d", day * 86400) .. '"}'
    end
    room = room + 1
    return heads[room] .. text
end
