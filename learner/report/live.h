// The page of a training that still runs, for the browsers of this machine.
#pragma once

#include <memory>
#include <string>

namespace kindling {

/// Serves the page of report.h while it lives, with whatever JSON was published last: `/` is the
/// page, which asks for `/data.json` from then on. It hears 127.0.0.1 alone, answers GET alone, and
/// only requests that name this machine (localhost or 127.0.0.1, and any port, so that a tunnel may
/// have another): a page from elsewhere whose name somebody lets point here is refused.
///
/// It has a few threads of its own, which share nothing with the caller but the text. At the end it
/// waits, for two seconds at most, until who is watching has fetched the last of it. No client can
/// keep it from ending.
class LiveServer {
 public:
  /// Port 0 is any that is free. Throws Error for one outside [0, 65535], and "[live] cannot listen
  /// on 127.0.0.1:PORT: REASON".
  explicit LiveServer(int port);
  ~LiveServer();

  /// The one it listens to, also where 0 was given.
  int port() const;

  /// What there is to see from now on: what report_json() says. From any thread.
  void publish(std::string json);
  /// Somebody has asked in the last seconds, so it is worth making something new for them.
  bool watched() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace kindling
