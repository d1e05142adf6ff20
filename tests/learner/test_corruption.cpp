// Files that were cut, that have a bit turned over, or whose headers promise what is not there:
// none is believed. KINDLING_LONG=1 runs all of it, otherwise a share.

#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/storage.h"
#include "tests/learner/victims.h"
#include "tests/support/errors.h"
#include "tests/support/long_run.h"

namespace kindling::test {

namespace {

using plot::testing::TemporaryFolder;
using namespace std::string_literals;

struct Tally {
  int rejected = 0, same = 0, number = 0, wrong = 0;
  void count(Outcome outcome) {
    rejected += outcome == Outcome::rejected;
    same += outcome == Outcome::same;
    number += outcome == Outcome::number;
    wrong += outcome == Outcome::wrong;
  }
  std::string text() const {
    return str(rejected + same + number + wrong, " files: ", rejected, " rejected, ", same,
               " the same, ", number, " with another number, ", wrong, " wrong");
  }
};

std::vector<Victim> victims(const TemporaryFolder& folder) {
  return {foreign_weights(), own_weights(folder.file("weights")),
          checkpoint(folder.file("checkpoint")), zipped_idx()};
}

/// Where the numbers begin: behind the header.
std::size_t data_begins(const std::string& bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  return sizeof length + length;
}

/// The file with another header, and the length to go with it.
std::string with_header(const std::string& bytes, const std::string& header) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header +
         bytes.substr(data_begins(bytes));
}

std::string header_of(const std::string& bytes) { return bytes.substr(8, data_begins(bytes) - 8); }

/// The file with a checksum that is right; without one where it had none.
std::string with_checksum(const std::string& bytes) {
  std::string header = header_of(bytes);
  const std::string key = R"("crc32":")";
  const std::size_t at = header.find(key);
  if (at == std::string::npos) return bytes;
  header.replace(at + key.size(), 8, "00000000");
  const std::string blank = with_header(bytes, header);
  const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(blank.data()) + 8, blank.size() - 8);
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08lx", static_cast<unsigned long>(sum));
  header.replace(at + key.size(), 8, digits);
  return with_header(bytes, header);
}

const std::vector<std::string> kExtremes{"0", "1", "2147483647", "4294967295",
                                         "9223372036854775808"};

/// Begin and length of every number in the lists of a header: shapes and offsets.
std::vector<std::pair<std::size_t, std::size_t>> numbers_in(const std::string& header) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (const char* list : {R"("shape":)", R"("data_offsets":)"})
    for (std::size_t at = header.find(list); at != std::string::npos; at = header.find(list, at)) {
      at = header.find('[', at);
      const std::size_t end = header.find(']', at);
      while ((at = header.find_first_of("0123456789", at)) < end) {
        const std::size_t n = header.find_first_not_of("0123456789", at) - at;
        places.emplace_back(at, n);
        at += n;
      }
      at = end;
    }
  return places;
}

/// Every number of a safetensors header at every extreme: with the checksum of before, and with one
/// that agrees.
std::vector<std::string> hostile_headers(const std::string& bytes) {
  std::vector<std::string> files;
  for (const std::string& value : kExtremes) {
    std::string file = bytes;
    const std::uint64_t length = std::stoull(value);
    std::memcpy(file.data(), &length, sizeof length);
    files.push_back(file);
  }
  const std::string header = header_of(bytes);
  for (const auto& [at, n] : numbers_in(header))
    for (const std::string& value : kExtremes) {
      std::string lie = header;
      lie.replace(at, n, value);
      const std::string file = with_header(bytes, lie);
      files.push_back(file);
      if (with_checksum(file) != file) files.push_back(with_checksum(file));
    }
  return files;
}

/// Magic number and extents of an IDX file at every extreme that 32 bits have, zipped again.
std::vector<std::string> hostile_idx() {
  std::vector<std::string> files;
  for (std::size_t field = 0; field < 4; ++field)
    for (const std::uint32_t value : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
      std::string file = idx_bytes();
      for (std::size_t i = 0; i < 4; ++i)
        file[4 * field + i] = static_cast<char>(value >> (24 - 8 * i));
      files.push_back(gzip(file));
      files.push_back(file);
    }
  return files;
}

/// The most memory that this process has had since the last call, and now, in bytes; 0 if unknown.
struct Memory {
  std::int64_t peak = 0, now = 0;
};
Memory memory() {
  Memory result;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") status >> result.peak;
    if (word == "VmRSS:") status >> result.now;
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return {result.peak << 10, result.now << 10};
}

/// What f takes beyond what there was, at its peak.
template <class F>
std::int64_t memory_of(const F& f) {
  trim_pool();
  ::malloc_trim(0);
  memory();
  const std::int64_t before = memory().now;
  f();
  return memory().peak - before;
}

}  // namespace

TEST_CASE("corruption: a file cut short anywhere is rejected") {
  const TemporaryFolder folder;
  const std::string path = folder.file("damaged");
  Random random(21);
  for (const Victim& victim : victims(folder)) {
    CAPTURE(victim.name);
    put(path, victim.bytes);
    REQUIRE(victim.read(path) == Outcome::same);
    std::vector<std::size_t> lengths;
    const std::size_t step = long_run() ? 1 : 13;
    for (std::size_t n = 0; n < std::min<std::size_t>(4097, victim.bytes.size()); n += step)
      lengths.push_back(n);
    for (int i = 0; i < (long_run() ? 1000 : 100); ++i)
      lengths.push_back(random.bits() % victim.bytes.size());
    Tally tally;
    for (const std::size_t length : lengths) {
      put(path, victim.bytes.substr(0, length));
      tally.count(victim.read(path));
    }
    MESSAGE(victim.name, ", cut: ", tally.text());
    CHECK(tally.rejected == std::ssize(lengths));
  }
}

TEST_CASE("corruption: a bit turned over anywhere is noticed, or of no consequence") {
  const TemporaryFolder folder;
  const std::string path = folder.file("damaged");
  Random random(22);
  for (const Victim& victim : victims(folder)) {
    CAPTURE(victim.name);
    Tally tally;
    for (int i = 0; i < (long_run() ? 10000 : 500); ++i) {
      const std::size_t bit = random.bits() % (8 * victim.bytes.size());
      CAPTURE(bit);
      std::string damaged = victim.bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      put(path, damaged);
      const Outcome outcome = victim.read(path);
      tally.count(outcome);
      CHECK(outcome != Outcome::wrong);
      // Without a checksum only what is around the numbers can be held against anything.
      const bool in_numbers = !victim.guarded && bit / 8 >= data_begins(victim.bytes);
      CHECK((outcome == Outcome::number) == in_numbers);
    }
    MESSAGE(victim.name, ", a bit: ", tally.text());
  }
}

TEST_CASE("corruption: no number of a header is believed, and none is worth much memory") {
  const TemporaryFolder folder;
  const std::string path = folder.file("damaged");
  for (const Victim& victim : victims(folder)) {
    CAPTURE(victim.name);
    const bool idx = victim.name == "zipped IDX";
    const auto files = idx ? hostile_idx() : hostile_headers(victim.bytes);
    Tally tally;
    std::uintmax_t largest = 0;
    const std::int64_t taken = memory_of([&] {
      for (const std::string& file : files) {
        put(path, file);
        largest = std::max(largest, std::filesystem::file_size(path));
        tally.count(victim.read(path));
      }
    });
    MESSAGE(victim.name, ", headers: ", tally.text(), "; ", taken >> 10, " KiB for ",
            largest >> 10);
    CHECK(tally.wrong == 0);
    CHECK(tally.number == 0);
    CHECK(tally.rejected > tally.same);
#ifndef KINDLING_SANITIZE
    CHECK(taken <= static_cast<std::int64_t>(largest) + (16 << 20));
#endif
  }
}

TEST_CASE("corruption: a header stuffed with names, words or brackets is worth little memory") {
  const TemporaryFolder folder;
  const std::string path = folder.file("stuffed");
#ifndef KINDLING_SANITIZE
  REQUIRE(memory_of([] { CHECK(std::string(20'000'000, 'x').back() == 'x'); }) > (16 << 20));
#endif
  const Victim whole = checkpoint(folder.file("checkpoint"));
  const std::size_t bytes = std::size_t{1} << 22;
  std::string names = "{", words = R"({"__metadata__":{)";
  for (int i = 0; names.size() < bytes; ++i)
    names += str('"', i, R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)");
  for (int i = 0; words.size() < bytes; ++i) words += str('"', i, R"(":"",)");
  put(path, whole.bytes);
  const auto metadata = read_safetensors(path).metadata;
  const auto with_word = [&](const char* word, const std::string& text) {
    nlohmann::json words = metadata;
    words[word] = text;
    return nlohmann::json{{"__metadata__", words}}.dump();
  };
  const std::string brackets(bytes, '[');
  const std::pair<std::string, std::string> headers[] = {
      {"names", names},
      {"words", words},
      {"brackets in the state", with_word("state", brackets)},
      {"brackets in the settings", with_word("settings", brackets)},
      {"brackets", "{\"a\":" + brackets}};
  for (const auto& row : headers) {
    const std::string &name = row.first, &header = row.second;
    CAPTURE(name);
    put(path, with_header("\0\0\0\0\0\0\0\0"s, header));
    const auto taken = memory_of([&] { CHECK(whole.read(path) == Outcome::rejected); });
    MESSAGE(name, ": ", taken >> 10, " KiB for ", std::filesystem::file_size(path) >> 10);
#ifndef KINDLING_SANITIZE
    CHECK(taken <= static_cast<std::int64_t>(6 * header.size()) + (16 << 20));
#endif
  }
}

}  // namespace kindling::test
