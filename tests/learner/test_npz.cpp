#include "learner/files/npz.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/learner/npy_files.h"
#include "tests/learner/victims.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

const std::string kNumbers = npy(npy_header("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6}));
const std::string kLabels = npy(npy_header("<i8", "(3,)"), raw<std::int64_t>({7, -8, 9}));
const std::string kZeros = npy(npy_header("|u1", "(1000,)"), std::string(1000, '\0'));

template <class T>
bool equal(const NpyArray& got, const ArrayOf<T>& expected) {
  const auto* array = std::get_if<ArrayOf<T>>(&got);
  return array && array->shape() == expected.shape() &&
         std::ranges::equal(array->values(), expected.values());
}

/// What kNumbers, kLabels and kZeros say, in this order.
bool is_whole(const NpzArrays& got) {
  return got.arrays.size() == 3 && got.arrays[0].first == "x" && got.arrays[1].first == "labels" &&
         got.arrays[2].first == "zeros" &&
         equal(got["x"], Array(Shape{2, 3}, {1, 2, 3, 4, 5, 6})) &&
         equal(got["labels"], IntArray(Shape{3}, {7, -8, 9})) &&
         equal(got["zeros"], ByteArray(Shape{1000}, std::uint8_t{0}));
}

std::vector<ZipEntry> entries(bool deflated) {
  return {{"x.npy", kNumbers, deflated},
          {"labels.npy", kLabels, deflated},
          {"zeros.npy", kZeros, deflated}};
}

}  // namespace

TEST_CASE("npz: stored and deflated entries are read") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npz");
  for (const bool deflated : {false, true}) {
    put(path, zip(entries(deflated)));
    CHECK(is_whole(read_npz(path)));
    CHECK(message_of([&] { read_npz(path)["y"]; }) ==
          "[npz] no array 'y'; there are: x, labels, zeros");
  }
  put(path, zip({}));
  CHECK(read_npz(path).arrays.empty());
}

TEST_CASE("npz: what is written is read back, and is the same bytes every time") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npz"), again = folder.file("b.npz");
  const NpzArrays what{{{"x", Array(Shape{2, 3}, {1, 2, 3, 4, 5, 6})},
                        {"labels", IntArray(Shape{3}, {7, -8, 9})},
                        {"zeros", ByteArray(Shape{1000}, std::uint8_t{0})}}};
  write_npz(path, what);
  CHECK(is_whole(read_npz(path)));
  write_npz(again, what);
  CHECK(file_bytes(path) == file_bytes(again));
  // Stored: the numbers lie in the file as they are.
  CHECK(contains(file_bytes(path), raw<float>({1, 2, 3, 4, 5, 6})));

  const std::string who = str("[npz] \"", path, "\": ");
  CHECK(message_of([&] { write_npz(path, {}); }) == who + "0 arrays: 1 to 16384 expected");
  CHECK(message_of([&] {
          write_npz(path, {{{"", Array(Shape{})}}});
        }) == who + "'': a name of its own expected");
  CHECK(message_of([&] {
          write_npz(path, {{{"a", Array(Shape{})}, {"a", Array(Shape{})}}});
        }) == who + "'a': a name of its own expected");
  CHECK(message_of([&] {
          write_npz(path, {{{"a", Array()}}});
        }) == who + "'a': the array is undefined");
  CHECK(begins(message_of([&] { write_npz(path, {{{"\xff\xfe", Array(Shape{})}}}); }), who));
  CHECK(file_bytes(path) == file_bytes(again));
  CHECK(folder.entries() == 2);
}

TEST_CASE("npz: lies are refused by name") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npz"), who = str("[npz] \"", path, "\": ");
  const auto trouble = [&](const std::string& bytes) {
    put(path, bytes);
    return message_of([&] { read_npz(path); });
  };
  const auto entry_trouble = [&](const ZipEntry& entry) { return trouble(zip({entry})); };
  CHECK(trouble("") == who + "the file is empty");
  CHECK(begins(trouble("PK"), who + "is no whole .npz file: "));
  CHECK(begins(trouble(kNumbers), who + "is no whole .npz file: "));
  CHECK(entry_trouble({"x.txt", kNumbers}) == who + "'x.txt': a name that ends with .npy expected");
  CHECK(begins(entry_trouble({"x.npy", "PNG"}), who + "'x': is no .npy file: "));
  CHECK(entry_trouble({"x.npy", kNumbers, false, 12}) ==
        who + "'x.npy': is compressed by method 12: 0 or 8 expected");
  CHECK(entry_trouble({"x.npy", kNumbers, false, 99, 1}) == who + "'x.npy': is encrypted");
  CHECK(contains(entry_trouble({"x.npy", kNumbers, false, 99, 0, 1}), "'x"));
  CHECK(contains(entry_trouble({"x.npy", kNumbers, true, 99, 0, 1}), "'x': damaged"));
  CHECK(contains(entry_trouble({"x.npy", kNumbers, true, 99, 0, -1}), "'x': damaged"));
  CHECK(contains(entry_trouble({"x.npy", kZeros, true, 99, 0, 2'000'000'000}),
                 "bytes cannot come of "));
  CHECK(begins(trouble(zip({{"x.npy", kNumbers}, {"x.npy", kNumbers}})), who));
  // Two entries of the directory for the same bytes of the file.
  const std::string one = zip({{"x.npy", kNumbers}});
  const std::size_t at = one.find("PK\1\2"), end = one.find("PK\5\6");
  const std::string entry = one.substr(at, end - at);
  CHECK(begins(trouble(one.substr(0, end) + entry + "PK\5\6" + little(0, 4) + little(2, 2) +
                       little(2, 2) + little(2 * entry.size(), 4) + little(at, 4) + little(0, 2)),
               who));
}

TEST_CASE("npz: cut anywhere, or with any bit turned over, it is refused or the same") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npz");
  const auto read = [&](const std::string& bytes) {
    put(path, bytes);
    return outcome(path, [&] { return is_whole(read_npz(path)) ? Outcome::same : Outcome::wrong; });
  };
  for (const bool deflated : {false, true}) {
    auto small = entries(deflated);
    small[2].content = npy(npy_header("|u1", "(1000,)"), std::string(1000, '\0'));
    const std::string bytes = zip(small);
    for (std::size_t n = 0; n < bytes.size(); ++n)
      CHECK(read(bytes.substr(0, n)) == Outcome::rejected);
    int rejected = 0, same = 0;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      CAPTURE(bit);
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      const Outcome came = read(damaged);
      CHECK((came == Outcome::rejected || came == Outcome::same));
      rejected += came == Outcome::rejected;
      same += came == Outcome::same;
    }
    MESSAGE(std::string(deflated ? "deflated" : "stored"), ", a bit: ", rejected, " rejected, ",
            same, " the same");
    CHECK(rejected > 5 * same);
  }
}

}  // namespace kindling::test
