# client.rb again|once URL - a stream by Ruby's Net::HTTP; each event is a line of JSON.
#
# once: max_retries = 0.  Else Net::HTTP asks again by itself after a cut, with the id
# with which it began, and the events since then come twice.
require 'json'
require 'net/http'

how, url = ARGV
uri = URI(url)
last_id = nil
retry_s = 2
$stdout.sync = true

def tell(*what)
  puts JSON.generate(what)
end

loop do
  request = Net::HTTP::Get.new(uri)
  request['Last-Event-ID'] = last_id if last_id
  http = Net::HTTP.new(uri.host, uri.port)
  http.max_retries = 0 if how == 'once'
  http.read_timeout = 60
  event, data, id, rest = 'message', [], last_id, +''
  status = nil
  begin
    http.request(request) do |answer|
      status = answer.code.to_i
      next if status != 200

      answer.read_body do |piece|
        rest << piece
        while (line = rest.slice!(/\A[^\n]*\n/))
          name, value = line.chomp.force_encoding('UTF-8').split(':', 2)
          value = value.to_s.delete_prefix(' ')
          case name
          when nil
            last_id = id
            tell('event', event, id, data.join("\n")) unless data.empty?
            event, data = 'message', []
          when 'data' then data << value
          when 'event' then event = value
          when 'id' then id = value
          when 'retry' then retry_s = value.to_i / 1000.0
          end
        end
      end
    end
  rescue IOError, SystemCallError, Net::ReadTimeout, Net::HTTPBadResponse => e
    warn e.inspect
  end
  if status && status != 200
    tell('over', status)
    break
  end
  sleep retry_s
end
