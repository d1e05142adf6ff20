// The only source that includes httplib.h, which takes its time.
#include "learner/report/live.h"

#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/error.h"
#include "learner/report/live_client.h"
#include "learner/report/report.h"

namespace kindling {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

const char* const kAddress = "127.0.0.1";
constexpr seconds kWatching{5}, kFarewell{2};

/// "localhost" or "127.0.0.1", perhaps with a port behind it.
bool names_this_machine(const std::string& host) {
  const std::size_t colon = std::min(host.find(':'), host.size());
  const std::string name = host.substr(0, colon), port = host.substr(colon);
  return (name == "localhost" || name == kAddress) &&
         port.find_first_not_of("0123456789", 1) == std::string::npos && port != ":";
}

/// What was published, and when somebody asked for it.
class Board {
 public:
  struct Sheet {
    std::shared_ptr<const std::string> json =
        std::make_shared<const std::string>(report_json({.running = "about to begin"}));
    long version = 0;
  };

  void publish(std::string json) {
    auto text = std::make_shared<const std::string>(std::move(json));
    const std::lock_guard lock(mutex_);
    sheet_ = {std::move(text), sheet_.version + 1};
  }
  Sheet look() {
    const std::lock_guard lock(mutex_);
    asked_ = Clock::now();
    ever_ = true;
    return sheet_;
  }
  void seen(long version) {
    const std::lock_guard lock(mutex_);
    seen_ = std::max(seen_, version);
    changed_.notify_all();
  }
  bool watched() const {
    const std::lock_guard lock(mutex_);
    return ever_ && Clock::now() - asked_ < kWatching;
  }
  void wait_until_seen() {
    std::unique_lock lock(mutex_);
    if (ever_ && Clock::now() - asked_ < kWatching)
      changed_.wait_for(lock, kFarewell, [&] { return seen_ == sheet_.version; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Sheet sheet_;
  long seen_ = 0;
  Clock::time_point asked_;
  bool ever_ = false;
};

/// No signal reaches the threads that are started while this lives: Ctrl-C is the training's.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

/// The library has SIGPIPE ignored, which is the program's to decide; our sockets send none.
class Sigpipe {
 public:
  Sigpipe() { ::sigaction(SIGPIPE, nullptr, &before_); }
  void put_back() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_;
};

}  // namespace

class LiveServer::Server : private Sigpipe, private httplib::Server {
 public:
  explicit Server(int port) {
    put_back();
    check<Error>(port >= 0 && port <= 65'535, "live", "port ", port, ": 0 to 65535 expected");
    set_routes();
    // Not the library's SO_REUSEPORT, by which a second program would share the port unnoticed.
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    new_task_queue = [] { return new LiveWorkers; };
    errno = 0;
    port_ = port == 0 ? bind_to_any_port(kAddress) : bind_to_port(kAddress, port) ? port : -1;
    check<Error>(port_ > 0, "live", "cannot listen on ", kAddress, ":", port, ": ",
                 std::strerror(errno));
    const NoSignals quiet;
    thread_ = std::thread([this] {
      listen_after_bind();
      ended_ = true;
    });
    while (!is_running() && !ended_) std::this_thread::sleep_for(milliseconds(1));
  }

  ~Server() override {
    board.wait_until_seen();
    over_ = true;
    stop();
    thread_.join();
  }

  int port() const { return port_; }
  Board board;

 private:
  using Request = httplib::Request;
  using Response = httplib::Response;

  void set_routes() {
    set_default_headers({{"Cache-Control", "no-store"},
                         {"X-Content-Type-Options", "nosniff"},
                         {"X-Frame-Options", "DENY"},
                         {"Cross-Origin-Resource-Policy", "same-origin"}});
    set_pre_routing_handler([](const Request& request, Response& response) {
      if (request.get_header_value_count("Host") != 1 ||
          !names_this_machine(request.get_header_value("Host")))
        return refuse(response, 403, "This is for localhost alone.\n");
      if (request.method == "GET") return HandlerResponse::Unhandled;
      response.set_header("Allow", "GET");
      return refuse(response, 405, "There is nothing here but pages to get.\n");
    });
    Get("/", [this](const Request&, Response& response) {
      const Board::Sheet sheet = board.look();
      response.set_content(report_page(*sheet.json, tag(sheet)), "text/html; charset=utf-8");
    });
    Get("/data[.]json", [this](const Request& request, Response& response) {
      const Board::Sheet sheet = board.look();
      response.set_header("ETag", tag(sheet));
      if (request.get_header_value("If-None-Match") == tag(sheet))
        response.status = 304;
      else
        response.set_content(*sheet.json, "application/json");
      board.seen(sheet.version);
    });
  }

  static HandlerResponse refuse(Response& response, int status, const char* why) {
    response.status = status;
    response.set_content(why, "text/plain; charset=utf-8");
    return HandlerResponse::Handled;
  }

  /// The versions of two servers, one after the other on the same port, differ too.
  std::string tag(const Board::Sheet& sheet) const {
    return str('"', born_, '-', sheet.version, '"');
  }

  /// One request a connection: a browser that holds one open would hold a thread.
  bool process_and_close_socket(socket_t socket) override {
    try {
      LiveClient client(socket, over_);
      bool closed = false;
      // Compressed, it would cost the training more than this machine's own wires can give back.
      const bool done = process_request(client, true, closed, [](httplib::Request& request) {
        request.headers.erase("Accept-Encoding");
        request.ranges.clear();
      });
      client.hang_up();
      return done;
    } catch (const std::exception&) {  // out of memory, say: this answer fails, the training not
      return false;
    }
  }

  int port_ = 0;
  const long long born_ = std::chrono::system_clock::now().time_since_epoch().count();
  std::atomic<bool> over_ = false, ended_ = false;
  std::thread thread_;
};

LiveServer::LiveServer(int port) : server_(std::make_unique<Server>(port)) {}
LiveServer::~LiveServer() = default;
int LiveServer::port() const { return server_->port(); }
void LiveServer::publish(std::string json) { server_->board.publish(std::move(json)); }
bool LiveServer::watched() const { return server_->board.watched(); }

}  // namespace kindling
