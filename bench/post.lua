-- wrk: POST the body of a file; print the counts as one line of JSON behind a mark.
-- Arguments after `--`: the file with the body, the bearer key.
function init(args)
   local file = assert(io.open(args[1], "rb"))
   wrk.method = "POST"
   wrk.body = file:read("*a")
   wrk.headers["Content-Type"] = "application/json"
   wrk.headers["Authorization"] = "Bearer " .. args[2]
   file:close()
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      'bench {"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"failed":%d,"broken":%d}\n',
      summary.requests, summary.duration, summary.bytes, latency:percentile(50), errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
