-- wrk: posts one body, with Basic credentials, over and over.
-- usage: wrk -s post.lua URL -- BODY_FILE [BASE64_CREDENTIALS]
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/octet-stream"
  if arguments[2] then wrk.headers["Authorization"] = "Basic " .. arguments[2] end
end

function done(summary, latency)
  io.write(string.format('{"requests":%d,"duration_us":%d,"bad_status":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
