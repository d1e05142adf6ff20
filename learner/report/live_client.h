// What httplib leaves to chance about clients is settled here: how long one may take, how much it
// may say, how many there may be, and that Ctrl-C need not wait for any. For live.cpp alone.
#pragma once

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <semaphore>
#include <string>
#include <utility>

namespace kindling {

/// One client that was accepted. Its request must fit the buffer and be there in time, and so must
/// the answer be taken; when the server ends, what is being asked is given up at once, what is
/// being answered soon.
class LiveClient : public httplib::Stream {
 public:
  /// What the limits are measured in.
  /// @{
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;
  /// @}
  static constexpr std::size_t kRequestBytes = 16 * 1024;  ///< The most that a request may have.
  /// For the whole request, from construction on, and for the answer, from its first byte on.
  /// @{
  static constexpr std::chrono::seconds kToAsk{2}, kToListen{30};
  /// @}
  static constexpr milliseconds kToEnd{500};  ///< For the rest of an answer when the server ends.
  static constexpr milliseconds kGlance{50};  ///< How often a wait looks whether it does.

  /// Owns the socket and closes it. `over` turns true when the server ends, and must outlive this.
  LiveClient(int socket, const std::atomic<bool>& over)
      : socket_(socket), over_(over), until_(Clock::now() + kToAsk) {}
  ~LiveClient() override { ::close(socket_); }

  /// Always: read() and write() wait themselves.
  /// @{
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  /// @}

  /// What there is, `size` bytes at most; waits while there is nothing. 0 when the client has hung
  /// up, -1 when reading fails, the request is too long, time is up or the server ends.
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

  /// All of it, or -1: writing fails, or the client is too slow.
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

  /// Leaves both as they are: nobody here goes by addresses.
  /// @{
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  /// @}
  /// Stays this object's own.
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
class LiveWorkers : public httplib::ThreadPool {
 public:
  /// How many answer, and how many connections are accepted; the others wait in the kernel.
  /// @{
  static constexpr std::size_t kThreads = 4, kConnections = 16;
  /// @}

  LiveWorkers() : ThreadPool(kThreads) {}
  /// Waits while there are kConnections.
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

}  // namespace kindling
