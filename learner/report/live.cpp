// The only file that includes httplib.h, which takes its time. What that library leaves to chance
// is settled here: how long a client may take, how much it may say, and that Ctrl-C need not wait
// for it.
#include "learner/report/live.h"

#include <httplib.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>

#include "engine/error.h"
#include "learner/report/report.h"

namespace kindling {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

const char* const kAddress = "127.0.0.1";
constexpr std::size_t kThreads = 4, kConnections = 16;  // the others wait in the kernel
constexpr std::size_t kRequestBytes = 16 * 1024;        // all of a request
constexpr seconds kToAsk{2}, kToListen{30};  // a client's time for its request and for our answer,
constexpr milliseconds kToEnd{500};          // and for the rest of that when the server ends
constexpr milliseconds kGlance{50};          // how often a wait looks whether it does
constexpr seconds kWatching{5}, kFarewell{2};

/// One client. Its request must fit the buffer and be there in time, and so must the answer be
/// taken; when the server ends, what is being asked is given up at once, what is being answered
/// soon.
class Connection : public httplib::Stream {
 public:
  Connection(int socket, const std::atomic<bool>& over)
      : socket_(socket), over_(over), until_(Clock::now() + kToAsk) {}
  ~Connection() override { ::close(socket_); }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t read(char* out, std::size_t size) override {
    while (next_ == end_) {
      if (end_ == buffer_.size() || over_ || !wait(POLLIN, {})) return -1;
      const ssize_t n = ::recv(socket_, &buffer_[end_], buffer_.size() - end_, MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return n;
      if (n > 0) end_ += static_cast<std::size_t>(n);
    }
    size = std::min(size, end_ - next_);
    std::memcpy(out, &buffer_[next_], size);
    next_ += size;
    return static_cast<ssize_t>(size);
  }

  ssize_t write(const char* bytes, std::size_t size) override {
    if (!std::exchange(answers_, true)) until_ = Clock::now() + kToListen;
    for (std::size_t done = 0; done < size;) {
      const ssize_t n = ::send(socket_, bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) done += static_cast<std::size_t>(n);
      const bool later = n < 0 && (errno == EINTR || errno == EAGAIN);
      if (n <= 0 && !(later && wait(POLLOUT, kToEnd))) return -1;
    }
    return static_cast<ssize_t>(size);
  }

  /// Nothing more will be said. What was sent and not read (the body of a POST) is taken off the
  /// line, or the kernel would tear the connection down with the answer still on its way.
  void hang_up() {
    ::shutdown(socket_, SHUT_WR);
    while (::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) > 0) {
    }
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  /// Until the socket is ready; false when time is up, which it is `grace` after the server's end.
  bool wait(short events, milliseconds grace) {
    for (Clock::time_point now; (now = Clock::now()) < until_;) {
      if (over_) until_ = std::min(until_, now + grace);
      pollfd fd{socket_, events, 0};
      if (::poll(&fd, 1, kGlance.count()) > 0) return true;
    }
    return false;
  }

  const int socket_;
  const std::atomic<bool>& over_;
  Clock::time_point until_;
  bool answers_ = false;
  std::array<char, kRequestBytes> buffer_;
  std::size_t next_ = 0, end_ = 0;
};

/// So many connections and no more are accepted at a time, for each takes a file descriptor, which
/// the training may need.
class Workers : public httplib::ThreadPool {
 public:
  Workers() : ThreadPool(kThreads) {}
  void enqueue(std::function<void()> serve) override {
    free_.acquire();
    ThreadPool::enqueue([this, serve = std::move(serve)] {
      serve();
      free_.release();
    });
  }

 private:
  std::counting_semaphore<kConnections> free_{kConnections};
};

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
    set_routes();
    // Not the library's SO_REUSEPORT, by which a second program would share the port unnoticed.
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    new_task_queue = [] { return new Workers; };
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
      Connection connection(socket, over_);
      bool closed = false;
      // Compressed, it would cost the training more than this machine's own wires can give back.
      const bool done = process_request(connection, true, closed, [](httplib::Request& request) {
        request.headers.erase("Accept-Encoding");
        request.ranges.clear();
      });
      connection.hang_up();
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
