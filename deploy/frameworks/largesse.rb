# largesse.rb - Turbo streams of what Rails commits, without Action Cable and Redis.
#
# Copy it to config/initializers/largesse.rb, and add to config/application.rb
#
#     config.x.largesse_url = "http://localhost/events"      # and LARGESSE_TOKEN
#
# or nothing, if the database is SQLite and `largesse init' was run on it.
# The token: largesse token --key-file KEY --publish orders --publish 'inbox/*'
#
#     class Order < ApplicationRecord
#       include Largesse::Broadcasts
#       largesse_broadcasts "orders"      # appends to, replaces in or removes from
#     end                                 # the element with this id
#
#     <ul id="orders"><%= render @orders %></ul>
#     <%= largesse_stream_from "orders" %>
#
# and in the layout Turbo itself, for example by importmap-rails or turbo-rails.  What
# is sent of an order is its partial, whose element needs id="<%= dom_id(order) %>".
# With it the stream may begin a minute before the page: what is there already is
# replaced.  Largesse.publish("orders", "Tea") sends anything else.
#
# Without a URL the event is a row in the transaction of the change: nothing can lose
# it.  With one it is posted after the commit, and repeated for half a minute; then it
# raises.  That, or a crash in between, loses the event.  If whoever calls you repeats a
# request, name a uid: an event with a uid that was there is not published again.
#
# A topic that is not public is read by whoever has its address, which is signed with
# the key in the file that LARGESSE_KEY_FILE names:
#
#     <%= largesse_stream_from "inbox/#{user.id}", signed: true %>
#
# The address is good for an hour.  Then the script beside it loads this page once more,
# takes the new address from it, and the stream goes on after the last event: as long as
# your application shows the page to this visitor.  If the page has a Content Security
# Policy, the script has its nonce (content_security_policy_nonce_generator).
require "net/http"
require "openssl"
require "securerandom"

module Largesse
  PATIENCE = 30   # seconds
  INSERT = "INSERT INTO events(topic, event, data, uid) VALUES(?, ?, ?, ?) " \
           "ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING"

  def self.url = Rails.configuration.x.largesse_url.presence

  def self.publish(topic, data, event: nil, uid: nil)
    data = data.to_json unless data.is_a?(String)
    db = ActiveRecord::Base.connection
    if !url
      db.execute(ActiveRecord::Base.sanitize_sql([INSERT, topic, event, data, uid]))
    elsif ActiveRecord.respond_to?(:after_all_transactions_commit)   # Rails 7.2
      ActiveRecord.after_all_transactions_commit { post(topic, data, event, uid) }
    elsif db.transaction_open?
      raise "Largesse.publish in a transaction needs Rails 7.2: do it after_commit"
    else
      post(topic, data, event, uid)
    end
  end

  def self.post(topic, data, event, uid)
    to = URI(url)
    request = Net::HTTP::Post.new(to, "Content-Type" => "application/json",
                                  "Authorization" => "Bearer #{ENV["LARGESSE_TOKEN"]}")
    request.body = { topic: topic, data: data, event: event,
                     uid: uid || SecureRandom.uuid }.compact.to_json
    last = Time.now + PATIENCE
    loop do
      answer = Net::HTTP.start(to.host, to.port, use_ssl: to.scheme == "https",
                               open_timeout: 10, read_timeout: 10) { |h| h.request(request) }
      return if answer.is_a?(Net::HTTPSuccess)
      raise "largesse: #{answer.code} #{answer.body}" if answer.code < "500" || Time.now > last
      sleep 0.5
    rescue SystemCallError, IOError, Timeout::Error
      raise if Time.now > last
      sleep 0.5
    end
  end

  def self.address(topics, since: nil, seconds: 3600)
    key = File.binread(ENV.fetch("LARGESSE_KEY_FILE")).chomp
    query = URI.encode_www_form({ topic: topics, since: since,
                                  expires: Time.now.to_i + seconds }.compact)
    "/events?#{query}&sign=" + OpenSSL::HMAC.hexdigest("SHA256", key, query)
  end

  module Broadcasts
    extend ActiveSupport::Concern

    class_methods do
      def largesse_broadcasts(topic, target: topic)
        # In the transaction, or after it.
        on = ->(action, &work) {
          Largesse.url ? after_commit(on: action, &work) : set_callback(action, :after, &work)
        }
        on.(:create) { largesse_stream topic, "append", target, true }
        on.(:update) { largesse_stream topic, "replace", largesse_id, true }
        on.(:destroy) { largesse_stream topic, "remove", largesse_id, false }
      end
    end

    def largesse_stream(topic, action, target, whole)
      html = ApplicationController.render(partial: to_partial_path, object: self,
                                          as: model_name.element.to_sym) if whole
      Largesse.publish topic, %(<turbo-stream action="#{action}" target="#{
        ERB::Util.h(target)}"><template>#{html}</template></turbo-stream>)
    end

    def largesse_id = ActionView::RecordIdentifier.dom_id(self)
  end

  RENEW = <<~JS
    (async (element) => {
      const name = "turbo-stream-source", { topics, seconds } = element.dataset;
      let last = "", tries = 0, over;
      const again = () => setTimeout(renew, Math.random() * Math.min(30000, 500 * 2 ** tries++));

      // It has given up, or asks for an address that is over: largesse.js never gives up.
      function hear() {
        const source = element.streamSource;

        over = Date.now() + seconds * 1000;
        for (const type of ["stream-start", "stream-gap", "message"])
          source.addEventListener(type, (e) => {
            last = e.lastEventId;
            tries = 0;
          });
        source.addEventListener("error", () => {
          if (source !== element.streamSource || source.readyState !== 2 && Date.now() < over)
            return;
          over = Infinity;    // once
          source.close();
          again();
        });
      }

      async function renew() {
        if (!element.isConnected)
          return;
        try {
          const answer = await fetch(location.href, { headers: { Accept: "text/html" } });

          if (answer.status >= 429)
            throw new Error(answer.status);
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const found = [...page.querySelectorAll(name)].find((x) => x.dataset.topics === topics);

          if (!found)
            return;           // this visitor may not see it any more
          const next = element.cloneNode();

          next.setAttribute("src", found.getAttribute("src") +
            (last && "&lastEventId=" + encodeURIComponent(last)));
          element.replaceWith(next);
          element = next;
          hear();
        } catch {
          again();
        }
      }

      await customElements.whenDefined(name);
      hear();
    })(document.currentScript.previousElementSibling);
  JS

  module Helper
    def largesse_stream_from(*topics, since: "1m", signed: false, seconds: 3600)
      if signed
        src = Largesse.address(topics, since: since, seconds: seconds)
        known = { topics: topics.join(" "), seconds: seconds }
        safe_join [tag.turbo_stream_source(src: src, data: known), javascript_tag(RENEW, nonce: true)]
      else
        tag.turbo_stream_source(src: "/events?" + URI.encode_www_form(
          { topic: topics, since: since }.compact))
      end
    end
  end
end

ActiveSupport.on_load(:action_view) { include Largesse::Helper }
