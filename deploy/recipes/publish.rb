#!/usr/bin/ruby
# publish.rb FILE TOPIC DATA - an order and its event, in one transaction.
require "sqlite3"

path, topic, data = ARGV
db = SQLite3::Database.new(path)
db.busy_timeout(5000)
db.transaction(:immediate) do   # an exception rolls back, event and all
  db.execute("INSERT INTO orders(item) VALUES(?)", [data])
  db.execute("INSERT INTO events(topic, data) VALUES(?, ?)", [topic, data])
end
