#include "learner/files/state_archive.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNaN = std::numeric_limits<double>::quiet_NaN();

/// One variable of each type.
struct Everything {
  bool flag = false;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  double number = 0;
  int small = 0;
  std::string text;
  std::vector<double> numbers;
  std::vector<Index> indices;
  Array array, none = Array(Shape{1}, 7);

  void state(Archive& archive) {
    archive("flag", flag);
    archive("integer", integer);
    archive("natural", natural);
    archive("number", number);
    archive.in("in", [&] {
      archive("small", small);
      archive("text", text);
    });
    archive("numbers", numbers);
    archive("indices", indices);
    archive("array", array);
    archive("none", none);
  }
};

NamedArrays written(Everything& all) {
  StateWriter writer;
  all.state(writer);
  return writer.state();
}

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (a != a && b != b);
}

}  // namespace

TEST_CASE("state archive: every type comes back as it was, at its limits too") {
  const auto least = std::numeric_limits<std::int64_t>::min();
  const auto most = std::numeric_limits<std::uint64_t>::max();
  for (const double number :
       {0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, kInfinity, -kInfinity, kNaN}) {
    CAPTURE(number);
    Everything out, in;
    out.flag = true;
    out.integer = least;
    out.natural = most;
    out.number = number;
    out.small = -7;
    out.text = "a \"word\", \\ and \xc3\xa4\n";
    out.numbers = {1, number, -2.5};
    out.indices = {least, 0, std::numeric_limits<Index>::max()};
    out.array = Array({2, 2}, {1, 2, 3, 4});
    out.none = Array();
    StateReader reader(written(out), "file");
    CHECK(reader.loading());
    in.state(reader);
    reader.expect_all_read();
    CHECK(in.flag);
    CHECK(in.integer == least);
    CHECK(in.natural == most);
    CHECK(same(in.number, number));
    CHECK(in.small == -7);
    CHECK(in.text == out.text);
    REQUIRE(in.numbers.size() == 3);
    CHECK((same(in.numbers[1], number) && in.numbers[0] == 1 && in.numbers[2] == -2.5));
    CHECK(in.indices == out.indices);
    CHECK(in.array.values().size() == 4);
    CHECK(in.array[3] == 4);
    CHECK_FALSE(in.none.defined());
  }
}

TEST_CASE("state archive: a long list is no part of the header, and comes back as it was") {
  // Of floats, of doubles that need two and three of them, and what only words can say.
  const double third = 1.0 / 3;
  const std::vector<std::vector<double>> kinds{{0.5, -3, 0.0, -0.0},
                                               {0.1, third, -1e-3, 5e5},
                                               {1 + 0x1p-52, 1 + 0x1p-26 + 0x1p-52, -(1 + 0x1p-30)},
                                               {kNaN, kInfinity, -kInfinity, third},
                                               {1e300, 5e-324, 1, 2}};
  for (const std::vector<double>& kind : kinds) {
    CAPTURE(kind[0]);
    Everything out, in;
    for (std::size_t i = 0; i < 1500; ++i) {
      out.numbers.push_back(kind[i % kind.size()]);
      out.indices.push_back(static_cast<Index>(i) * (std::int64_t{1} << 40) - 7);
    }
    const NamedArrays state = written(out);
    const bool words = sizeof(Scalar) == 4 && kind[0] == 1e300;
    CHECK((state.metadata.at("state").size() > 5000) == words);
    StateReader reader(state, "file");
    in.state(reader);
    reader.expect_all_read();
    REQUIRE(in.numbers.size() == out.numbers.size());
    bool equal = true;
    for (std::size_t i = 0; i < out.numbers.size(); ++i)
      equal = equal && same(in.numbers[i], out.numbers[i]);
    CHECK(equal);
    CHECK(in.indices == out.indices);
  }
  // A whole number that is no double.
  Everything large, back;
  large.indices.assign(1000, Archive::kMaxCount + 1);
  StateReader of_large(written(large), "file");
  back.state(of_large);
  CHECK(back.indices == large.indices);
  // One that is not what it should be.
  Everything out, in;
  out.indices.assign(1000, 3);
  for (const Array& array :
       {Array({1000}, Scalar{3}), Array({4, 250}, Scalar{3}), Array({0, 3}, Scalar{3}),
        Array({1, 1000}, Scalar(0.5)), Array({1, 1000}, std::numeric_limits<Scalar>::infinity())}) {
    NamedArrays state = written(out);
    for (auto& [name, value] : state.arrays)
      if (name == "indices") value = array;
    StateReader reader(state, "file");
    CHECK(message_of([&] { in.state(reader); }) ==
          "[checkpoint] file: indices: expected a list of integers");
  }
}

TEST_CASE("state archive: what is not there, twice there, or something else") {
  Everything all;
  NamedArrays state = written(all);
  StateReader reader(state, "file");
  double number = 0;
  bool flag = false;
  std::vector<double> numbers;
  Array array;
  const auto says = [&](const std::string& name, auto& variable) {
    return message_of([&] { reader(name, variable); });
  };
  CHECK(says("other", number) == "[checkpoint] file: other: expected a number, got nothing");
  CHECK(says("flag", number) == "[checkpoint] file: flag: expected a number");
  CHECK(says("number", flag) == "[checkpoint] file: number: expected a bool");
  CHECK(says("number", numbers) == "[checkpoint] file: number: expected a list of numbers");
  CHECK(says("number", array) == "[checkpoint] file: number: expected an array, got none");
  CHECK(says("array", number) == "[checkpoint] file: array: expected a number");
  // in.text has been asked for by nobody yet, nor has most of the rest.
  CHECK(begins(message_of([&] { reader.expect_all_read(); }), "[checkpoint] file: holds '"));

  StateWriter writer;
  CHECK_FALSE(writer.loading());
  writer("a", number);
  CHECK(message_of([&] { writer("a", flag); }) == "[checkpoint] 'a' is written twice");
  CHECK(message_of([&] { writer.expect(false, "a", "something"); }) ==
        "[checkpoint] a: expected something");
  std::int64_t large = std::int64_t{1} << 40;
  int small = 0;
  writer("large", large);
  StateReader again(writer.state(), "file");
  CHECK(message_of([&] { again("large", small); }) ==
        "[checkpoint] file: large: expected an int, got 1099511627776");
  CHECK(message_of([&] { again.same("a", 1.0); }) == "[checkpoint] file: a: expected 1, got 0");
  state.metadata.clear();
  CHECK(message_of([&] { StateReader(state, "file"); }) ==
        "[checkpoint] file: holds weights alone, and no state to go on from");
}
