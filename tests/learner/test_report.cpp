// The page of a training: what is in it, what is left out of long curves, and that words stay
// words.

#include "learner/report/report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/error.h"
#include "learner/report/base64.h"
#include "learner/report/thin.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using nlohmann::json;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::string kBad = "</script><b>\"'&<!--<script>{{report}}\\";

/// What a browser takes for the data: all up to the first end tag of a script.
json data_of(const std::string& page) {
  const std::string begin = "id=\"data\">";
  const std::size_t at = page.find(begin) + begin.size();
  return json::parse(page.substr(at, page.find("</script", at) - at));
}

/// Something of everything.
Report full() {
  Report r;
  r.title = kBad;
  r.settings = {{"recipe", kBad}, {kBad, "1"}, {"recipe", "named twice"}};
  r.losses = {2.5, kNaN, 1.0 / 3, kInfinity};
  r.rates = {1e-9, 0.1, 123456789, 0};
  r.measures = {"loss", "accuracy"};
  r.passes = {{0, true, 4, {1.25, 0.5}, 3.5}, {0, false, 4, {kNaN, 0.25}, 0}};
  r.histograms = {{"0", {{1, 0, 3}, {0, 0, 0}, {7, 1234567, 0}}}};
  r.stats = {{"0", {0.5, kNaN}, {1, 2}}};
  r.updates = {{"0.weight", {1, 2}, {kNaN, 1e-3}}};
  r.classes = {kBad, "b"};
  r.confusion = {3, 1, 0, 4};
  r.worst = {{{1, 2, 3, {0, 1, 2, 253, 254, 255}}, kBad, "b", 0.75}};
  r.best = {{{2, 1, 1, {65, 66}}, "b", "b", kNaN}};
  r.layers = {{"0", "Conv2d(1, 8, 3x3)", "(2,14,14,8)", 80, 14112, 0.001}};
  return r;
}

}  // namespace

TEST_CASE("report: a page asks for news only when it is served, and then only where it came from") {
  const std::string json = report_json({}), file = report_page(json), live = report_page(json, "7");
  for (const std::string& page : {file, live}) {
    CHECK(page.find("default-src 'none'") != std::string::npos);
    CHECK(page.find("{{") == std::string::npos);
  }
  for (const char* sign : {"fetch(", "connect-src", "data-version='"})
    CHECK(file.find(sign) == std::string::npos);
  CHECK(live.find("; connect-src 'self'\"") != std::string::npos);
  CHECK(live.find("data-version='7'") != std::string::npos);
  CHECK(live.find("fetch('data.json'") != std::string::npos);
}

TEST_CASE("base64: the test vectors of RFC 4648, and every byte") {
  const auto encoded = [](const std::string& text) {
    return base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  CHECK(encoded("") == "");
  CHECK(encoded("f") == "Zg==");
  CHECK(encoded("fo") == "Zm8=");
  CHECK(encoded("foo") == "Zm9v");
  CHECK(encoded("foob") == "Zm9vYg==");
  CHECK(encoded("fooba") == "Zm9vYmE=");
  CHECK(encoded("foobar") == "Zm9vYmFy");

  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<std::uint8_t>(255 - i));
  const std::string text = base64(bytes);
  REQUIRE(text.size() == 344);
  std::string bits;  // read back bit by bit
  for (const char c : text.substr(0, 342))
    for (int k = 5; k >= 0; --k) bits += letters.find(c) >> k & 1 ? '1' : '0';
  for (std::size_t i = 0; i < bytes.size(); ++i)
    CHECK(std::stoi(bits.substr(8 * i, 8), nullptr, 2) == bytes[i]);
}

TEST_CASE("thinned: the extremes of every column stay, and so do gaps and both ends") {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform;
  for (const std::size_t n : {1, 2, 19, 20, 21, 100, 997, 5000})
    for (const double gaps : {0.0, 0.02, 0.9, 1.0}) {
      CAPTURE(n);
      CAPTURE(gaps);
      constexpr std::size_t kWide = 10;
      std::vector<double> values;
      for (std::size_t i = 0; i < n; ++i)
        values.push_back(uniform(random) < gaps ? (i % 2 ? kNaN : kInfinity)
                                                : std::floor(100 * uniform(random)));
      const std::vector<std::size_t> kept = thinned(values, kWide);
      CHECK(std::is_sorted(kept.begin(), kept.end()));
      const std::set<std::size_t> set(kept.begin(), kept.end());
      CHECK(set.size() == kept.size());
      CHECK(kept.size() <= (n <= 2 * kWide ? n : 3 * kWide + 2));
      if (n <= 2 * kWide) CHECK(kept.size() == n);
      CHECK(set.contains(0));
      CHECK(set.contains(n - 1));
      CHECK(*set.rbegin() < n);
      for (std::size_t c = 0; c < kWide; ++c) {
        double low = kInfinity, high = -kInfinity, kept_low = kInfinity, kept_high = -kInfinity;
        bool gap = false, kept_gap = false;
        for (std::size_t i = n * c / kWide; i < n * (c + 1) / kWide; ++i) {
          const double v = values[i];
          if (!std::isfinite(v)) gap = true, kept_gap = kept_gap || set.contains(i);
          if (!std::isfinite(v)) continue;
          low = std::min(low, v), high = std::max(high, v);
          if (set.contains(i)) kept_low = std::min(kept_low, v), kept_high = std::max(kept_high, v);
        }
        CHECK(low == kept_low);
        CHECK(high == kept_high);
        CHECK(gap == kept_gap);
      }
    }
  CHECK(thinned({}, 10).empty());
}

TEST_CASE("evenly_spaced: both ends, and steps that differ by one at most") {
  CHECK(evenly_spaced(0, 5).empty());
  CHECK(evenly_spaced(1, 5) == std::vector<std::size_t>{0});
  for (const std::size_t n : {2, 5, 6, 299, 300, 301, 944, 100000}) {
    CAPTURE(n);
    const std::vector<std::size_t> places = evenly_spaced(n, 300);
    REQUIRE(places.size() == std::min<std::size_t>(n, 300));
    CHECK(places.front() == 0);
    CHECK(places.back() == n - 1);
    std::size_t least = n, most = 0;
    for (std::size_t i = 1; i < places.size(); ++i) {
      least = std::min(least, places[i] - places[i - 1]);
      most = std::max(most, places[i] - places[i - 1]);
    }
    CHECK(least >= 1);
    CHECK(most - least <= 1);
  }
}

TEST_CASE("report: all of it is in the JSON; what is no number is null") {
  const json data = json::parse(report_json(full()));
  CHECK(data["title"] == kBad);
  const auto pair = [](const std::string& a, const std::string& b) { return json::array({a, b}); };
  CHECK(data["settings"] ==
        json::array({pair("recipe", kBad), pair(kBad, "1"), pair("recipe", "named twice")}));
  CHECK(data["batches"] == 4);
  CHECK(data["losses"] == json{{"x", {1, 2, 3, 4}}, {"y", {2.5, nullptr, 0.333333, nullptr}}});
  CHECK(data["rates"]["y"] == json{1e-9, 0.1, 123456789, 0});
  CHECK(data["measures"] == json{"loss", "accuracy"});
  CHECK(data["passes"][0] == json{{"epoch", 0},
                                  {"train", true},
                                  {"batches", 4},
                                  {"values", {1.25, 0.5}},
                                  {"seconds", 3.5}});
  CHECK(data["passes"][1]["values"] == json{nullptr, 0.25});
  CHECK(data["histograms"][0]["counts"] == json{{1, 0, 3}, {0, 0, 0}, {7, 1234567, 0}});
  CHECK(data["histograms"][0]["batches"] == json{1, 2, 3});
  CHECK(data["histograms"][0]["dead"]["y"][0] == 0.25);
  CHECK(data["histograms"][0]["dead"]["y"][1].is_null());
  CHECK(data["stats"][0]["means"]["y"] == json{0.5, nullptr});
  CHECK(data["stats"][0]["stds"]["y"] == json{1, 2});
  CHECK(data["updates"][0]["name"] == "0.weight");
  CHECK(data["updates"][0]["gradients"]["y"] == json{1, 2});
  CHECK(data["updates"][0]["ratios"]["y"] == json{nullptr, 1e-3});
  CHECK(data["classes"] == json{kBad, "b"});
  CHECK(data["confusion"] == json{{3, 1}, {0, 4}});
  CHECK(data["worst"][0] == json{{"height", 1},
                                 {"width", 2},
                                 {"channels", 3},
                                 {"pixels", "AAEC/f7/"},  // by coreutils' base64
                                 {"truth", kBad},
                                 {"guess", "b"},
                                 {"confidence", 0.75}});
  CHECK(data["best"][0]["pixels"] == "QUI=");
  CHECK(data["best"][0]["confidence"].is_null());
  CHECK(data["layers"][0] == json{{"path", "0"},
                                  {"type", "Conv2d(1, 8, 3x3)"},
                                  {"output", "(2,14,14,8)"},
                                  {"parameters", 80},
                                  {"multiply_adds", 14112},
                                  {"seconds", 0.001}});
  CHECK(data["colors"].get<std::string>().size() == 6 * 256);
}

TEST_CASE("report: of nothing at all there is a page too") {
  const json data = data_of(report_page(report_json(Report())));
  CHECK(data["batches"] == 0);
  for (const char* list : {"settings", "passes", "measures", "histograms", "stats", "updates",
                           "classes", "confusion", "worst", "best", "layers"})
    CHECK_MESSAGE(data[list] == json::array(), list);
  CHECK(data["losses"] == json{{"x", json::array()}, {"y", json::array()}});
}

TEST_CASE("report: a long training is thinned, and its spikes stay") {
  Report r;
  r.losses.assign(50000, 1);
  r.losses[31234] = 1000;
  r.losses[40000] = kNaN;
  plot::HistogramPanel panel{"a", std::vector<std::vector<double>>(50000, {1, 2})};
  panel.histograms[777] = {5, 0};
  r.histograms = {panel};
  const std::string text = report_json(r);
  CHECK(text.size() < 200'000);
  const json data = json::parse(text);
  CHECK(data["batches"] == 50000);
  const auto at = [&](std::size_t i) {
    const std::vector<int> x = data["losses"]["x"];
    const auto found = std::find(x.begin(), x.end(), static_cast<int>(i + 1));
    REQUIRE(found != x.end());
    return data["losses"]["y"][static_cast<std::size_t>(found - x.begin())];
  };
  CHECK(at(31234) == 1000);
  CHECK(at(40000).is_null());
  CHECK(data["histograms"][0]["counts"].size() == kColumns);
  const std::vector<double> dead = data["histograms"][0]["dead"]["y"];
  CHECK(*std::max_element(dead.begin(), dead.end()) == 1);
}

TEST_CASE("report: words are data, whatever they say") {
  const std::string page = report_page(report_json(full()));
  CHECK(data_of(page) == json::parse(report_json(full())));
  const auto count = [&](const std::string& word) {
    int n = 0;
    for (std::size_t at = page.find(word); at != std::string::npos; at = page.find(word, at + 1))
      ++n;
    return n;
  };
  CHECK(count("<script") == 2);
  CHECK(count("</script") == 2);
  CHECK(count("<b>") == 0);
  CHECK(page.ends_with("</html>\n"));
  // Marks in the data are data; the template's own have all been replaced.
  CHECK(count("{{report}}") == count("\\u003cscript>{{report}}"));
  for (const char* mark : {"{{css}}", "{{data}}", "{{chart}}", "{{activations}}"})
    CHECK_MESSAGE(count(mark) == 0, mark);

  Report broken;
  broken.title = "\xff\xc3(";  // no UTF-8
  CHECK(data_of(report_page(report_json(broken)))["title"] == "\xef\xbf\xbd\xef\xbf\xbd(");
}

TEST_CASE("report: the page asks for nothing from anywhere") {
  const std::string page = report_page(report_json(Report()));
  CHECK(contains(page, "default-src 'none'"));
  for (const char* word : {"https:", "<link rel=\"stylesheet", " src=", "@import", "url("})
    CHECK_MESSAGE(!contains(page, word), word);
  const std::string name_of_svg = "http://www.w3.org/2000/svg";
  for (std::size_t at = page.find("http:"); at != std::string::npos;
       at = page.find("http:", at + 1))
    CHECK(page.substr(at, name_of_svg.size()) == name_of_svg);
}

TEST_CASE("report: what contradicts itself is refused, and no file is touched") {
  const TemporaryFolder folder;
  const auto refused = [&](const auto& change) {
    Report r = full();
    change(r);
    return message_of([&] { write_report(folder.file("report.html"), r); });
  };
  CHECK(refused([](Report& r) { r.passes[0].values = {1}; }) ==
        "[report] a pass of 1 values: 2 expected");
  CHECK(refused([](Report& r) { r.confusion.pop_back(); }) ==
        "[report] 3 counts: 4 expected, for 2 classes");
  CHECK(refused([](Report& r) { r.histograms[0].histograms[1] = {1}; }) ==
        "[report] 0: a histogram of 1 bins behind one of 3");
  CHECK(refused([](Report& r) { r.histograms[0].histograms = {{}}; }) ==
        "[report] 0: a histogram of 0 bins behind one of 0");
  CHECK(refused([](Report& r) { r.worst[0].image.width = 3; }) ==
        "[report] an image of 1 x 3 x 3 with 6 values");
  CHECK(refused([](Report& r) {
          r.best[0].image = {-1, -2, 1, {1, 2}};
        }) == "[report] an image of -1 x -2 x 1 with 2 values");
  CHECK(refused([](Report& r) {
          r.best[0].image = {1, 1, 2, {1, 2}};
        }) == "[report] an image of 1 x 1 x 2 with 2 values");
  CHECK(folder.entries() == 0);
  CHECK(contains(message_of([&] { write_report(folder.file("no/report.html"), full()); }),
                 "[report] cannot write"));
  write_report(folder.file("report.html"), full());
  CHECK(file_bytes(folder.file("report.html")) == report_page(report_json(full())));
}
