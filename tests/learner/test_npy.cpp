#include "learner/files/npy.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/learner/npy_files.h"
#include "tests/learner/victims.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

/// Numbers 1, 2, ... in the order of the file.
template <class T>
std::string counting(int n) {
  std::string bytes;
  for (int i = 1; i <= n; ++i) {
    const T number = static_cast<T>(i);
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return bytes;
}

/// Every number of a (2, 3, 4) that was filled by counting, wherever Fortran or C has put it.
template <class Array>
void check_counted(const Array& array, bool fortran) {
  REQUIRE(array.shape() == Shape{2, 3, 4});
  for (Index i = 0; i < 2; ++i)
    for (Index j = 0; j < 3; ++j)
      for (Index k = 0; k < 4; ++k) {
        const Index place = fortran ? i + 2 * (j + 3 * k) : (i * 3 + j) * 4 + k;
        CHECK(array[(i * 3 + j) * 4 + k] == place + 1);
      }
}

std::string trouble(const std::string& bytes) {
  return message_of([&] { parse_npy(bytes, "a.npy"); });
}

}  // namespace

TEST_CASE("npy: every type, either order, every version of the header") {
  for (const int version : {1, 2, 3})
    for (const bool fortran : {false, true}) {
      const auto read = [&](const char* descr, const std::string& body) {
        return parse_npy(npy(npy_header(descr, "(2, 3, 4)", fortran), body, version), "");
      };
      check_counted(std::get<Array>(read("<f4", counting<float>(24))), fortran);
      check_counted(std::get<Array>(read("<f8", counting<double>(24))), fortran);
      check_counted(std::get<IntArray>(read("<i4", counting<std::int32_t>(24))), fortran);
      check_counted(std::get<IntArray>(read("<i8", counting<std::int64_t>(24))), fortran);
      check_counted(std::get<ByteArray>(read("|u1", counting<std::uint8_t>(24))), fortran);
    }
}

TEST_CASE("npy: other words for the same header, scalars, empty arrays") {
  const auto shape_of = [](const std::string& header, int n) {
    return as_scalars(parse_npy(npy(header, counting<float>(n)), "")).shape();
  };
  CHECK(shape_of(npy_header("<f4", "()"), 1) == Shape{});
  CHECK(shape_of(npy_header("<f4", "(3,)"), 3) == Shape{3});
  CHECK(shape_of(npy_header("<f4", "(2,1,)", true), 2) == Shape{2, 1});
  CHECK(shape_of(npy_header("<f4", "(0, 7)", true), 0) == Shape{0, 7});
  CHECK(shape_of(npy_header("<f4", "(1, 1, 1, 1, 1, 1, 1, 2)", true), 2).rank() == 8);
  CHECK(shape_of("{\"shape\":(2,3),\"fortran_order\":True,\"descr\":\"<f4\"}   \n", 6) ==
        Shape{2, 3});
}

TEST_CASE("npy: the file that is written is the one that the format asks for") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  const auto check_file = [&](const std::string& descr, const std::string& shape,
                              const std::string& body) {
    std::string header = npy_header(descr, shape);
    header.pop_back();
    header.resize(117, ' ');  // 10 bytes stand before it
    CHECK(file_bytes(path) == npy(header + "\n", body));
  };
  write_npy(path, Array(Shape{2, 3}, {1, 2, 3, 4, 5, 6}));
  check_file("<f4", "(2, 3)", counting<float>(6));
  CHECK(compare({{{"a", as_scalars(read_npy(path))}}, {}},
                {{{"a", Array(Shape{2, 3}, {1, 2, 3, 4, 5, 6})}}, {}}) == Outcome::same);
  write_npy(path, IntArray(Shape{3}, {1, 2, 3}));
  check_file("<i8", "(3,)", counting<std::int64_t>(3));
  CHECK(as_integers(read_npy(path)).shape() == Shape{3});
  write_npy(path, ByteArray(Shape{}, {1}));
  check_file("|u1", "()", counting<std::uint8_t>(1));
  write_npy(path, Array(Shape{1'000'000, 0, 1'000'000, 1, 1'000, 1, 1}));
  CHECK(file_bytes(path).size() % 64 == 0);
  CHECK(as_scalars(read_npy(path)).dim(4) == 1'000);

  CHECK(message_of([&] { write_npy(path, Array()); }) ==
        str("[npy] \"", path, "\": the array is undefined"));
  CHECK(begins(message_of<std::runtime_error>([&] { write_npy("/no/a.npy", Array(Shape{})); }),
               "[npy] cannot write '/no/a.npy': "));
}

TEST_CASE("npy: conversions") {
  CHECK(as_integers(ByteArray(Shape{2}, {7, 255}))[1] == 255);
  CHECK(as_scalars(IntArray(Shape{2}, {7, -9}))[1] == -9);
  CHECK(message_of([] { as_integers(Array(Shape{1})); }) ==
        "[npy] the array: whole numbers expected, got fractions (f4 or f8)");
  const auto wide = npy(npy_header("<i8", "(3,)"), raw<std::int64_t>({1, -2147483648, 2147483648}));
  CHECK(trouble(wide) == "a.npy: number 2 is 2147483648, which has no room in 32 bits");
}

TEST_CASE("npy: what is no such file is refused in one line") {
  const std::string body = counting<float>(6);
  const auto header_trouble = [&](const std::string& header) { return trouble(npy(header, body)); };
  CHECK(trouble("") == "a.npy: is no .npy file: it does not begin with 93 NUMPY");
  CHECK(trouble("\x93NUMPY") == "a.npy: truncated: ends after 6 bytes");
  CHECK(trouble("\x93NUMPY\4" + std::string(9, '\0')) ==
        "a.npy: is of version 4.0: 1.0, 2.0 or 3.0 expected");
  CHECK(trouble(npy(std::string(10'001, ' '), "")) ==
        "a.npy: a header of 10001 bytes: at most 10000 expected");
  CHECK(trouble("\x93NUMPY\2" + little(0, 1) + little(0xffffffff, 4)) ==
        "a.npy: a header of 4294967295 bytes: at most 10000 expected");
  CHECK(trouble(npy("{}\n", "").substr(0, 11)) ==
        "a.npy: truncated: a header of 3 bytes, of which 1 are there");
  CHECK(header_trouble(npy_header(">f4", "(2, 3)")) ==
        "a.npy: is of type '>f4': <f4, <f8, <i4, <i8 or |u1 expected");
  CHECK(header_trouble("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}\n") ==
        "a.npy: byte 10 of the header: a type of numbers, not a record expected");
  CHECK(header_trouble(npy_header("<f4", "(2, 4)")) ==
        "a.npy: (2,4) of <f4 has 24 bytes: 32 expected");
  CHECK(header_trouble(npy_header("<f8", "(2, 3)")) ==
        "a.npy: (2,3) of <f8 has 24 bytes: 48 expected");
  CHECK(contains(header_trouble(npy_header("<f4", "(4294967296, 4294967296)")), "a.npy: [shape]"));
  CHECK(contains(header_trouble(npy_header("<f8", "(2305843009213693952,)")), "has 24 bytes"));
  for (const std::string shape :
       {"(6)", "(6", "6", "(-6,)", "(06,)", "(6,,)", "(,)", "(6L,)", "(6.0,)", "[6]", "(2 3)",
        "(99999999999999999999,)", "(0x6,)", "(1,1,1,1,1,1,1,1,6)", "(+6,)"}) {
    CAPTURE(shape);
    CHECK(contains(header_trouble(npy_header("<f4", shape)), " of the header: "));
  }
  for (const std::string header :
       {"{}\n", "{'descr': '<f4', 'shape': (6,)}\n", "\n", "",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}\n",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}\n",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}\n",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (6,)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x\n",
        "{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (6,)}\n"}) {
    CAPTURE(header);
    CHECK(contains(header_trouble(header), " of the header: "));
  }
  CHECK(message_of([] { read_npy("/no/such.npy"); }) ==
        "[npy] \"/no/such.npy\": there is no such file");
  CHECK(message_of([] { read_npy("/"); }) == "[npy] \"/\": is not a regular file");
  CHECK(message_of([] { read_npy("/dev/zero"); }) == "[npy] \"/dev/zero\": is not a regular file");
}

TEST_CASE("npy: cut anywhere, it is refused; a bit turned over is noticed, or is in one number") {
  const Array whole(Shape{2, 3}, {1, 2, 3, 4, 5, 6});
  for (const int version : {1, 2})
    for (const bool fortran : {false, true}) {
      const std::string header = npy_header("<f4", "(2, 3)", fortran);
      const std::string bytes = npy(header,
                                    raw<float>(fortran ? std::vector<float>{1, 4, 2, 5, 3, 6}
                                                       : std::vector<float>{1, 2, 3, 4, 5, 6}),
                                    version);
      const std::size_t body = bytes.size() - 24;
      REQUIRE(compare({{{"", as_scalars(parse_npy(bytes, ""))}}, {}}, {{{"", whole}}, {}}) ==
              Outcome::same);
      for (std::size_t n = 0; n < bytes.size(); ++n)
        CHECK(begins(trouble(bytes.substr(0, n)), "a.npy: "));
      CHECK(begins(trouble(bytes + '\0'), "a.npy: "));
      for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        CAPTURE(bit);
        std::string damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        const Outcome came = outcome("a.npy", [&] {
          return compare({{{"", as_scalars(parse_npy(damaged, "a.npy"))}}, {}},
                         {{{"", whole}}, {}});
        });
        const bool other_version = version == 2 && bit == 48;  // 3 instead of 2
        CHECK(came == (other_version     ? Outcome::same
                       : bit / 8 >= body ? Outcome::number
                                         : Outcome::rejected));
      }
    }
}

}  // namespace kindling::test
