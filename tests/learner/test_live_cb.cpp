// What is shown of a fit while it runs, when, and of which fits.

#include "learner/callbacks/live_cb.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "learner/callbacks/metrics_cb.h"
#include "learner/predictions.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// What a browser gets that asks the server for its data.
struct Answer {
  int version = 0;  ///< How often something was published.
  nlohmann::json data;
};

std::string answer_of(const LiveServer& server) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(server.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const std::string request = "GET /data.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
  REQUIRE(::send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  return answer;
}

/// The server hangs up on who is slow to ask, as this thread may be on a busy machine.
Answer ask(const LiveServer& server) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const std::string answer = answer_of(server);
    const std::size_t body = answer.find("\r\n\r\n"), tag = answer.find("ETag: ");
    if (body == std::string::npos || tag == std::string::npos) continue;
    const std::size_t dash = answer.find('-', tag + 5);  // in front of the version
    return {std::stoi(answer.substr(dash + 1)), nlohmann::json::parse(answer.substr(body + 4))};
  }
  throw std::runtime_error("the server does not answer");
}

/// Three batches an epoch, shown on a server, by a clock that stands still. The callback is added
/// in front of the one whose report it shows.
struct LiveFit {
  Points data{12, 8, 4};
  nn::Linear model{3, 2};
  MetricsCB metrics;
  ReportCB report;
  LiveServer server{0};
  LiveCB live;
  LiveCB::Time now{};
  /// For a guest: ten seconds pass with every batch.
  OnEvent hurry{[this](const std::string& event, Learner&) {
    if (event == "before_batch") now += std::chrono::seconds(10);
  }};
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&live, &metrics, &report}}};

  explicit LiveFit(std::string afterwards = {}) : live(server, report, std::move(afterwards)) {
    metrics.log = nullptr;
    live.clock = [this] { return now; };
  }
  LiveFit(const LiveFit&) = delete;
  std::string word(const char* key) const { return ask(server).data.at(key); }
  std::size_t batches() const { return ask(server).data.at("batches"); }
};

}  // namespace

TEST_CASE("LiveCB: whoever asks sees the batch that was just done") {
  LiveFit fit;
  CHECK(fit.word("running") == "about to begin");
  CHECK(fit.server.watched());
  OnEvent look(
      [&](const std::string& event, Learner& l) {
        if (!l.training) return;
        if (event == "before_batch" && l.iter == 0) {
          CHECK(fit.word("running") == "epoch 1 of 1");
          CHECK(fit.batches() == 0);
        }
        // Half a second after what was shown first; then two.
        if (event == "before_batch") fit.now += std::chrono::milliseconds(l.iter == 0 ? 500 : 1500);
        if (event == "after_step") ask(fit.server);  // which is watched for five seconds from now
        if (event == "after_batch" && l.iter == 0) CHECK(fit.batches() == 0);
        if (event == "after_batch" && l.iter == 1) {
          CHECK(fit.word("running") == "epoch 1 of 1, training batch 2 of 3");
          CHECK(fit.batches() == 2);
        }
      },
      100);
  fit.learn.fit(1, {.cbs = {&look}});
  CHECK(fit.word("running") == "");
  CHECK(fit.word("ending") == "");
  CHECK(fit.batches() == 3);
}

TEST_CASE("LiveCB: while nobody asks, nothing is made between beginning and end") {
  LiveFit fit;
  CHECK_FALSE(fit.server.watched());
  fit.learn.fit(1, {.cbs = {&fit.hurry}});
  CHECK(ask(fit.server).version == 2);
  CHECK(fit.batches() == 3);
  OnEvent asks([&](const std::string& event, Learner&) {
    if (event == "after_step" || event == "after_predict") ask(fit.server);
  });
  fit.learn.fit(1, {.cbs = {&fit.hurry, &asks}});  // training and validation: three and two batches
  CHECK(ask(fit.server).version == 4 + 5);
}

TEST_CASE("LiveServer: a port that there is not") {
  for (const int port : {-1, 65536})
    CHECK_THROWS_WITH_AS(LiveServer{port},
                         str("[live] port ", port, ": 0 to 65535 expected").c_str(), Error);
}

TEST_CASE("LiveCB: the page says how a fit has ended, and what follows one that ended by itself") {
  LiveFit fit("the next model");
  fit.learn.fit(1);
  CHECK(fit.word("running") == "the next model");
  for (const bool throws : {false, true}) {
    OnEvent stop([&](const std::string& event, Learner& l) {
      if (event != "after_loss" || l.iter != 1) return;
      if (throws) throw std::runtime_error("enough");
      throw CancelFit();
    });
    if (throws)
      CHECK_THROWS_WITH_AS(fit.learn.fit(1, {.cbs = {&stop}}), "enough", std::runtime_error);
    else
      fit.learn.fit(1, {.cbs = {&stop}});
    CHECK(fit.word("running") == "");
    CHECK(fit.word("ending") == "ended early, in epoch 1 of 1, training batch 2 of 3");
    CHECK(fit.batches() == 1);
  }
}

TEST_CASE("LiveCB: of a rehearsal nothing is shown") {
  LiveFit fit;
  fit.learn.fit(1);
  const int before = ask(fit.server).version;
  capture_preds(fit.learn);
  fit.learn.fit(1, {.cbs = {&fit.hurry}, .rehearse = true});
  CHECK(ask(fit.server).version == before);
}
