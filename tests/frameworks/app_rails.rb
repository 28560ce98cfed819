# app_rails.rb PORT - the application of kit.py, in Rails.
require "fileutils"
require "rails"
require "action_controller/railtie"
require "active_record/railtie"
require "rack/handler/webrick"

WAY = ENV.fetch("LARGESSE_WAY")

class Shop < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.secret_key_base = "tests" * 10
  config.hosts.clear
  config.log_level = :warn
  config.logger = Logger.new($stderr)
  config.consider_all_requests_local = true
  config.x.largesse_url = ENV["LARGESSE_URL"] if WAY == "POST"
end

FileUtils.mkdir_p %w[app/views/orders config/initializers]
FileUtils.cp "largesse.rb", "config/initializers"
File.write "app/views/orders/_order.html.erb",
           %(<li id="<%= dom_id(order) %>"><%= order.item %></li>\n)
File.write "app/views/orders/index.html.erb", <<~PAGE
  <!doctype html>
  <title>Orders</title>
  <script type="module" src="/turbo.es2017-esm.js"></script>
  <ul id="orders"><%= render @orders %></ul>
  <%= largesse_stream_from "orders" %>
PAGE
# A page that only some may see, with an address that is over after two seconds.
File.write "app/views/orders/feed.html.erb", <<~PAGE
  <!doctype html>
  <title>Feed</title>
  <% if params[:with] %>
  <script src="/largesse.js"></script>
  <script>window.EventSource = Largesse;</script>
  <% end %>
  <script type="module" src="/turbo.es2017-esm.js"></script>
  <ul id="feed"></ul>
  <%= largesse_stream_from "feed", signed: true, seconds: 2 %>
PAGE
ENV["DATABASE_URL"] = "sqlite3:#{ENV.fetch("DATABASE")}?timeout=20000"
Rails.env = "production"
Shop.initialize!

class ApplicationController < ActionController::Base; end

class Order < ActiveRecord::Base
  include Largesse::Broadcasts
  largesse_broadcasts "orders"
end

# Its events have a topic that is refused.
class Secret < ActiveRecord::Base
  self.table_name = "orders"
  include Largesse::Broadcasts
  largesse_broadcasts "secret"
  def to_partial_path = "orders/order"
  def model_name = Order.model_name
end

class OrdersController < ApplicationController
  def index = @orders = Order.order(:id)

  def feed = File.exist?("closed") ? head(:forbidden) : nil

  def address = render(plain: Largesse.address(["feed"]))

  def order
    Order.create!(item: params[:item])
    head :ok
  end

  def change
    Order.find_by!(item: params[:item]).update!(item: params[:to])
    head :ok
  end

  def remove
    Order.find_by!(item: params[:item]).destroy!
    head :ok
  end

  def fail
    Order.transaction do
      Order.create!(item: params[:item])
      raise "rolled back"
    end
  end

  def refused
    Secret.create!(item: "refused")
    head :ok
  rescue StandardError => e
    render plain: e.message, status: 500
  end

  def twice
    Largesse.publish "orders", %(<turbo-stream action="append" target="orders"><template
      ><li>#{params[:item]}</li></template></turbo-stream>), uid: "twice-1"
    head :ok
  end
end

Shop.routes.draw do
  get "app/", to: "orders#index"
  get "app/feed", to: "orders#feed"
  get "app/address", to: "orders#address"
  %w[order change remove fail refused twice].each { |name| post "app/#{name}", to: "orders##{name}" }
end
Rack::Handler::WEBrick.run Shop, Host: "127.0.0.1", Port: ARGV[0],
                           AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN)
