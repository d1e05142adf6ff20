#include "learner/files/event_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/learner/event_reader.h"
#include "tests/learner/victims.h"
#include "tests/support/errors.h"

namespace kindling::test {

using plot::testing::TemporaryFolder;

TEST_CASE("crc32c: the examples of RFC 3720, and the usual one") {
  std::string up(32, '\0'), down(32, '\0');
  std::iota(up.begin(), up.end(), '\0');
  std::copy(up.rbegin(), up.rend(), down.begin());
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(crc32c(up) == 0x46dd794e);
  CHECK(crc32c(down) == 0x113fdb5c);
  std::string read_command(48, '\0');  // an iSCSI command, B.4
  const std::pair<int, int> bytes[] = {{0, 0x01},  {1, 0xc0},  {16, 0x14}, {22, 0x04},
                                       {27, 0x14}, {31, 0x18}, {32, 0x28}, {40, 0x02}};
  for (const auto& [at, byte] : bytes)
    read_command[static_cast<std::size_t>(at)] = static_cast<char>(byte);
  CHECK(crc32c(read_command) == 0xd9963a56);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c("") == 0);
}

TEST_CASE("event file: numbers and pictures come back under their names and steps") {
  const TemporaryFolder folder;
  const std::filesystem::path runs = folder.file("runs/1");
  std::filesystem::path path;
  {
    EventFile file(runs);
    path = file.path();
    file.scalar("a", 1, 0.5);
    file.scalar("b/c", 300, -1e-30);
    file.scalar("a", std::int64_t{1} << 40, std::numeric_limits<double>::quiet_NaN());
    file.image("picture", 7, 300, 2, "not quite a PNG");
    file.restart(9);
  }
  CHECK(path.parent_path() == runs);
  CHECK(begins(path.filename().string(), "events.out.tfevents."));
  const auto events = events_of(path);
  REQUIRE(events.size() == 5);
  CHECK(scalars(events, "b/c") == Scalars{{300, -1e-30f}});
  CHECK(steps(events, "a") == std::vector<Index>{1, Index{1} << 40});
  CHECK(std::isnan(scalars(events, "a")[1].second));
  const Message image = tagged(events, "picture").at(0).second.message(4);
  CHECK(image.numbers.at(1).at(0) == 2);
  CHECK(image.numbers.at(2).at(0) == 300);
  CHECK(image.numbers.at(3).at(0) == 3);
  CHECK(image.fields.at(4).at(0) == "not quite a PNG");
  CHECK(events[4].numbers.at(2).at(0) == 9);
  CHECK(events[4].message(7).numbers.at(1).at(0) == 1);  // SessionLog.START
  const double wall = events[0].reals<double>(1).at(0);
  CHECK(std::abs(wall - static_cast<double>(std::time(nullptr))) < 100);
}

TEST_CASE("event file: a histogram counts every finite number in its bin") {
  const TemporaryFolder folder;
  std::vector<Scalar> numbers;
  for (int i = 0; i < 1000; ++i) numbers.push_back(std::sin(static_cast<Scalar>(i)) * 3 + 1);
  const auto histogram_of = [&](const std::vector<Scalar>& values) {
    EventFile file(folder.file("h"));
    file.histogram("h", 4, values);
    return tagged(events_of(file.path()), "h");
  };
  std::vector<Scalar> with_gaps = numbers;
  with_gaps.insert(with_gaps.begin() + 5, {std::numeric_limits<Scalar>::infinity(),
                                           std::numeric_limits<Scalar>::quiet_NaN()});
  const auto found = histogram_of(with_gaps);
  REQUIRE(found.size() == 1);
  CHECK(found[0].first == 4);
  const Message h = found[0].second.message(5);
  double sum = 0, squares = 0;
  for (const double v : numbers) sum += v, squares += v * v;
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  CHECK(h.reals<double>(1).at(0) == *low);
  CHECK(h.reals<double>(2).at(0) == *high);
  CHECK(h.reals<double>(3).at(0) == 1000);
  CHECK(h.reals<double>(4).at(0) == doctest::Approx(sum).epsilon(1e-12));
  CHECK(h.reals<double>(5).at(0) == doctest::Approx(squares).epsilon(1e-12));
  const auto limits = h.reals<double>(6), counts = h.reals<double>(7);
  REQUIRE(limits.size() == 30);
  REQUIRE(counts.size() == 30);
  CHECK(limits.back() == *high);
  double below = *low;
  for (std::size_t i = 0; i < 30; ++i) {
    const bool last = i == 29;
    double expected = 0;
    for (const double v : numbers)
      expected += v >= below && (last ? v <= limits[i] : v < limits[i]);
    CHECK(counts[i] == expected);
    CHECK(limits[i] - below == doctest::Approx((*high - *low) / 30.0));
    below = limits[i];
  }

  const Message constant = histogram_of({2, 2, 2}).at(0).second.message(5);
  CHECK(constant.reals<double>(6) == std::vector<double>{2});
  CHECK(constant.reals<double>(7) == std::vector<double>{3});
  CHECK(histogram_of({}).empty());
  CHECK(histogram_of({std::numeric_limits<Scalar>::quiet_NaN()}).empty());
}

TEST_CASE("event file: what cannot be written is said in one line") {
  const TemporaryFolder folder;
  put(folder.file("file"), "");
  CHECK(begins(message_of([&] { EventFile(folder.file("file")); }),
               str("[events] \"", folder.file("file"), "\": cannot be made: ")));
  CHECK(begins(message_of([&] { EventFile("/proc/self"); }), "[events] \"/proc/self"));
}

}  // namespace kindling::test
