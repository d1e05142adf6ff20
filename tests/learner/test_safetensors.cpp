#include "learner/files/safetensors.h"

#include <doctest/doctest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/random.h"
#include "learner/files/safetensors_header.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

template <class T>
std::string bytes_of(std::initializer_list<T> numbers) {
  std::string bytes;
  for (const T number : numbers) {
    char raw[sizeof(T)];
    std::memcpy(raw, &number, sizeof(T));
    bytes.append(raw, sizeof(T));
  }
  return bytes;
}

/// A file put together by hand.
std::string file_of(const std::string& header, const std::string& data) {
  return bytes_of<std::uint64_t>({header.size()}) + header + data;
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

NamedArrays some_arrays() {
  Random random(4);
  return {{{"0.weight", random.normal({5, 3, 2})},
           {"0.bias", random.normal(Shape{2})},
           {"empty", Array(Shape{0, 3})},
           {"scalar", Array::scalar(7)}},
          {{"made by", "a \"test\" \\ é"}}};
}

bool same(const NamedArrays& a, const NamedArrays& b) {
  if (a.metadata != b.metadata || a.arrays.size() != b.arrays.size()) return false;
  for (const auto& [name, array] : a.arrays) {
    const Array* other = b.find(name);
    if (!other || other->shape() != array.shape() || bits(*other) != bits(array)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("safetensors: a file made by hand, of three types, out of order") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  put(path, file_of(R"({"b":{"dtype":"F64","shape":[2],"data_offsets":[12,28]},
      "__metadata__":{"format":"pt"},
      "a":{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]},
      "n":{"shape":[],"data_offsets":[28,36],"dtype":"I64"}}   )",
                    bytes_of<float>({1, -2.5F, 3}) + bytes_of<double>({0.5, 1e3}) +
                        bytes_of<std::int64_t>({42})));
  const NamedArrays got = read_safetensors(path);
  REQUIRE(got.arrays.size() == 3);
  CHECK(same_bits(*got.find("a"), Array({3, 1}, {1, -2.5F, 3})));
  CHECK(same_bits(*got.find("b"), Array({2}, {0.5F, 1000})));
  CHECK(same_bits(*got.find("n"), Array::scalar(42)));
  CHECK(got.find("c") == nullptr);
  CHECK(got.metadata.at("format") == "pt");
}

TEST_CASE("safetensors: what is written is the format, and comes back") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  const NamedArrays arrays = some_arrays();
  write_safetensors(path, arrays);
  CHECK(same(read_safetensors(path), arrays));
  CHECK(folder.entries() == 1);

  const std::string bytes = file_bytes(path);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  CHECK(header["0.weight"]["dtype"] == "F32");
  CHECK(header["0.weight"]["shape"] == std::vector<int>{5, 3, 2});
  const std::size_t begin = header["0.weight"]["data_offsets"][0];
  CHECK(bytes.substr(8 + length + begin, 120) == bits(arrays.arrays[0].second));
}

TEST_CASE("safetensors: headers that lie are refused with the reason") {
  struct Lie {
    const char* header;
    std::size_t bytes;
    const char* reason;
  };
  const Lie lies[] = {
      {"", 0, "does not begin with '{'"},
      {" {}", 0, "does not begin with '{'"},
      {"[]", 0, "does not begin with '{'"},
      {"{", 0, "is not JSON"},
      {"{}x", 0, "is not JSON"},
      {"{\"a\":\xff}", 0, "is not JSON"},
      {"{}", 4, "the arrays end at byte 0 of 4"},
      {R"({"a":5})", 0, "has a number where it does not belong, near 'a'"},
      {R"({"a":[]})", 0, "has a list where"},
      {R"({"a":null})", 0, "has null where"},
      {R"({"a":true})", 0, "has a boolean where"},
      {R"({"a":{"dtype":{}}})", 0, "has an object where"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "'a' needs a dtype, a shape and data_offsets"},
      {R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})", 2, "F32, F64 or I64 expected"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", 4, "unknown field"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "two fields"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "names 'a' twice"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "has -1 where"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "has 1.5 where"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "has a list where"},
      {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, "has a string where"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4,
       "numbers in its shape"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "1 data_offsets, 2 expected"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "more than 2 numbers"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "(2) F32 has 4 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 4, "ends at byte 8 of 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "begins at byte 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5, "end at byte 4 of 5"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
       6, "begins at byte 2"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       12, "begins at byte 8"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "'a'"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0, "'a'"},
      {R"({"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,0]}})", 0, "extent"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,0]}})", 0, "where"},
      {R"({"__metadata__":{"a":1}})", 0, "has a number where"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "metadata 'a' twice"},
      {R"({"__metadata__":)", 0, "is not JSON"},
  };
  const TemporaryFolder folder;
  const std::string path = folder.file("lie.safetensors");
  for (const Lie& lie : lies) {
    CAPTURE(lie.header);
    put(path, file_of(lie.header, std::string(lie.bytes, '\0')));
    const std::string message = message_of([&] { read_safetensors(path); });
    CHECK(begins(message, "[safetensors] \"" + path));
    CHECK_MESSAGE(contains(message, lie.reason), message);
  }
}

TEST_CASE("safetensors: nesting without end is refused at its second level") {
  const TemporaryFolder folder;
  const std::string path = folder.file("deep.safetensors");
  put(path, file_of("{\"a\":" + std::string(1'000'000, '['), ""));
  CHECK(contains(message_of([&] { read_safetensors(path); }), "has a list where"));
}

TEST_CASE("safetensors: every cut, every surplus byte, and lengths beyond the file") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_safetensors(path, some_arrays());
  const std::string whole = file_bytes(path);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    put(path, whole.substr(0, n));
    CHECK(begins(message_of([&] { read_safetensors(path); }), "[safetensors] "));
  }
  put(path, whole + '\0');
  CHECK(contains(message_of([&] { read_safetensors(path); }), "bytes of data"));
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{0x7fffffff},
                                     std::uint64_t{0xffffffff}, std::uint64_t{1} << 63}) {
    put(path, bytes_of<std::uint64_t>({length}) + whole.substr(8));
    CHECK(begins(message_of([&] { read_safetensors(path); }), "[safetensors] "));
  }
}

TEST_CASE("safetensors: a flipped bit is found, or changes no array") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  const NamedArrays arrays = some_arrays();
  write_safetensors(path, arrays);
  const std::string whole = file_bytes(path);
  int survivors = 0;
  for (std::size_t i = 0; i < 8 * whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i / 8] ^= static_cast<char>(1 << i % 8);
    put(path, damaged);
    try {
      NamedArrays got = read_safetensors(path);
      ++survivors;
      got.metadata = arrays.metadata;
      CHECK(same(got, arrays));
    } catch (const Error&) {
    }
  }
  CHECK(survivors < 300);  // those in the checksum's own name
}

TEST_CASE("safetensors: what cannot be read or written") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  CHECK(contains(message_of([&] { read_safetensors(path); }), "there is no such file"));
  CHECK(contains(message_of([&] { read_safetensors(folder.file(".")); }), "not a regular file"));
  const auto write = [&](NamedArrays what) {
    return message_of([&] { write_safetensors(path, what); });
  };
  const Array one = Array::scalar(1);
  CHECK(contains(write({{{"a", one}, {"a", one}}, {}}), "'a': a name of its own expected"));
  CHECK(contains(write({{{"", one}}, {}}), "a name of its own expected"));
  CHECK(contains(write({{{"__metadata__", one}}, {}}), "a name of its own expected"));
  CHECK(contains(write({{{"a", Array()}}, {}}), "is undefined"));
  CHECK(contains(write({{{"\xff", one}}, {}}), path + "\": a name or a word is not UTF-8"));
  CHECK(contains(write({{{"a", one}}, {{"word", "\xff"}}}), "is not UTF-8"));
  NamedArrays many;
  for (std::size_t i = 0; i < safetensors::kMaxNames; ++i) many.arrays.emplace_back(str(i), one);
  CHECK(contains(write(many), "16384 arrays, more than 16384 names and words"));
  many.arrays.resize(safetensors::kMaxNames - 2);
  CHECK(!contains(write(many), "more than"));
  CHECK(read_safetensors(path).arrays.size() == many.arrays.size());
  std::filesystem::remove(path);
  CHECK(folder.entries() == 0);
}

}  // namespace kindling::test
