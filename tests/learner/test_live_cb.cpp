// What is shown of a fit while it runs, when, and of which fits.

#include "learner/callbacks/live_cb.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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
nlohmann::json data_of(const LiveServer& server) {
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
  return nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

/// Three batches an epoch, shown on a server. The callback is added in front of the one whose
/// report it shows.
struct LiveFit {
  Points data{12, 8, 4};
  nn::Linear model{3, 2};
  MetricsCB metrics;
  ReportCB report;
  LiveServer server{0};
  LiveCB live;
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&live, &metrics, &report}}};

  explicit LiveFit(std::string afterwards = {}) : live(server, report, std::move(afterwards)) {
    metrics.log = nullptr;
  }
  std::string word(const char* key) const { return data_of(server).at(key); }
  std::size_t batches() const { return data_of(server).at("batches"); }
};

}  // namespace

TEST_CASE("LiveCB: whoever asks sees the batch that was just done; nobody asked, nothing is made") {
  LiveFit fit;
  CHECK(fit.word("running") == "about to begin");
  CHECK(fit.server.watched());
  OnEvent look(
      [&](const std::string& event, Learner& l) {
        // The first batch is shown a second after the beginning at the earliest.
        if (event == "before_batch" && l.training && l.epoch == 0 && l.iter == 0) {
          CHECK(fit.word("running") == "epoch 1 of 1");
          CHECK(fit.batches() == 0);
          ::usleep(1'100'000);
        }
        if (event == "after_batch" && l.training && l.iter == 0) {
          CHECK(fit.word("running") == "epoch 1 of 1, training batch 1 of 3");
          CHECK(fit.batches() == 1);
        }
      },
      100);
  fit.learn.fit(1, {.cbs = {&look}});
  CHECK(fit.word("running") == "");
  CHECK(fit.word("ending") == "");
  CHECK(fit.batches() == 3);

  LiveFit alone;
  CHECK_FALSE(alone.server.watched());
  alone.learn.fit(1);
  CHECK(alone.batches() == 3);
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
  const nlohmann::json before = data_of(fit.server);
  capture_preds(fit.learn);
  fit.learn.fit(1, {.rehearse = true});
  CHECK(data_of(fit.server) == before);
}
