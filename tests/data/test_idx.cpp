#include "data/idx.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/random.h"
#include "engine/storage.h"
#include "tests/data/idx_files.h"

using namespace kindling;
using namespace kindling::testing;
namespace fs = std::filesystem;

namespace {

Bytes random_bytes(Index n, std::uint64_t seed, int values = 256) {
  Bytes bytes(static_cast<std::size_t>(n));
  const Array numbers = Random(seed).uniform(Shape{n}, 0, static_cast<Scalar>(values));
  for (Index i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(numbers[i]);
  return bytes;
}

bool holds(const ByteArray& array, const Shape& shape, const Bytes& bytes) {
  return array.shape() == shape &&
         std::equal(bytes.begin(), bytes.end(), array.values().begin(), array.values().end());
}

/// Reads and expects an Error: one line that names the file and the trouble.
void rejects(const fs::path& path, int rank, const std::string& trouble) {
  const std::string message = message_of<Error>([&] { read_idx(path, rank); });
  CAPTURE(message);
  CHECK(contains(message, "[idx] \"" + path.string() + "\": "));
  CHECK(contains(message, trouble));
  CHECK(!contains(message, "\n"));
}

/// Neither a crash nor another exception nor wrong content: an Error, or the array unharmed.
enum class Outcome { rejected, same, wrong };
Outcome outcome(const fs::path& path, const Shape& shape, const Bytes& bytes) {
  try {
    return holds(read_idx(path, shape.rank()), shape, bytes) ? Outcome::same : Outcome::wrong;
  } catch (const Error& error) {
    return contains(error.what(), path.string()) ? Outcome::rejected : Outcome::wrong;
  }
}

const Bytes kPayload = random_bytes(24, 1);
const Bytes kPlain = idx_header({2, 3, 4}) + kPayload;
const Shape kShape{2, 3, 4};

}  // namespace

TEST_CASE("idx: plain and gzip files of every rank are read, whatever their name") {
  const TempDir dir;
  const std::vector<std::vector<std::uint32_t>> all_dims{
      {1}, {7}, {3, 5}, {2, 3, 4}, {2, 3, 4, 2}, {1, 2, 1, 2, 1, 2, 1, 2}};
  for (const auto& dims : all_dims) {
    const std::vector<Index> extents(dims.begin(), dims.end());
    const Shape shape{std::span<const Index>(extents)};
    const Bytes payload = random_bytes(shape.size(), 2);
    const Bytes file = idx_header(dims) + payload;
    CHECK(holds(read_idx(dir.write("plain", file), shape.rank()), shape, payload));
    CHECK(holds(read_idx(dir.write("plain.gz", file), shape.rank()), shape, payload));
    CHECK(holds(read_idx(dir.write("zip.gz", gzip(file)), shape.rank()), shape, payload));
    CHECK(holds(read_idx(dir.write("zip", gzip(file)), shape.rank()), shape, payload));
  }
}

TEST_CASE("idx: arrays larger than any buffer, that deflate well or not at all") {
  const TempDir dir;
  for (const int values : {1, 3, 256}) {
    const Bytes payload = random_bytes(400 * 28 * 28, 3, values);
    const Bytes file = idx_header({400, 28, 28}) + payload;
    const Shape shape{400, 28, 28};
    CHECK(holds(read_idx(dir.write("plain", file), 3), shape, payload));
    for (const int level : {0, 1, 9})
      CHECK(holds(read_idx(dir.write("zip", gzip(file, level)), 3), shape, payload));
  }
}

TEST_CASE("idx: a file without elements is a file") {
  const TempDir dir;
  CHECK(holds(read_idx(dir.write("plain", idx_header({0, 28, 28})), 3), Shape{0, 28, 28}, {}));
  CHECK(holds(read_idx(dir.write("zip", gzip(idx_header({0}))), 1), Shape{0}, {}));
}

TEST_CASE("idx: gzip data may come in several members, cut anywhere, some of them empty") {
  const TempDir dir;
  for (std::size_t cut = 0; cut <= kPlain.size(); ++cut) {
    const Bytes head(kPlain.begin(), kPlain.begin() + cut),
        tail(kPlain.begin() + cut, kPlain.end());
    const auto path = dir.write("zip", gzip(head) + gzip({}) + gzip(tail, 0, "tail") + gzip({}));
    CHECK(holds(read_idx(path, 3), kShape, kPayload));
  }
}

TEST_CASE("idx: what cannot be opened") {
  const TempDir dir;
  rejects(dir.path() / "nowhere", 3, "there is no such file");
  rejects(dir.path() / "no" / "where.gz", 3, "there is no such file");
  rejects(dir.path(), 3, "is a directory");
  fs::create_symlink(dir.path() / "gone", dir.path() / "dangling");
  rejects(dir.path() / "dangling", 3, "there is no such file");
  fs::create_symlink(dir.path() / "loop", dir.path() / "loop");
  rejects(dir.path() / "loop", 3, "cannot be opened");
  rejects(dir.write("file", kPlain) / "below", 3, "there is no such file");
  if (fs::exists("/dev/null")) rejects("/dev/null", 3, "is not a regular file");
  if (fs::exists("/proc/self/mem")) rejects("/proc/self/mem", 3, "cannot be read");
  rejects(dir.path() / "file", 0, "asked for 0 axes");
  rejects(dir.path() / "file", 9, "asked for 9 axes");
}

TEST_CASE("idx: a file that may not be read") {
  if (::geteuid() == 0) return;  // root may read everything
  const TempDir dir;
  const auto path = dir.write("secret", kPlain);
  fs::permissions(path, fs::perms::none);
  rejects(path, 3, "cannot be opened");
}

TEST_CASE("idx: what is no IDX file of bytes of this rank") {
  const TempDir dir;
  const std::string page = "<!DOCTYPE html><p>404 Not Found";
  const Bytes html(page.begin(), page.end());
  rejects(dir.write("empty", {}), 3, "the file is empty");
  rejects(dir.write("empty.gz", gzip({})), 3, "truncated: ends after 0 bytes");
  rejects(dir.write("html.gz", html), 3, "not an IDX file: begins with 3c 21 44 4f");
  rejects(dir.write("html", gzip(html)), 3, "not an IDX file: begins with 3c 21 44 4f");
  rejects(dir.write("magic", Bytes{0, 1, 8, 3} + kPayload), 3, "begins with 00 01 08 03");
  rejects(dir.write("half a magic", Bytes{0x1f, 0, 8, 3} + kPayload), 3, "begins with 1f 00 08 03");
  rejects(dir.write("other half", Bytes{0, 0x8b, 8, 3} + kPayload), 3, "begins with 00 8b 08 03");
  rejects(dir.write("floats", idx_header({2, 3}, 0x0d) + kPayload), 2, "elements of type 0d");
  rejects(dir.write("labels", idx_header({24}) + kPayload), 3, "1 axes, expected 3");
  rejects(dir.write("labels.gz", gzip(idx_header({24}) + kPayload)), 3, "1 axes, expected 3");
}

TEST_CASE("idx: files that are too long") {
  const TempDir dir;
  const Bytes one{0}, more = random_bytes(200000, 5), two{0x1f, 0x8b};
  for (const Bytes& garbage : {one, two, more, gzip(one), gzip({})})
    rejects(dir.write("plain", kPlain + garbage), 3, "too long");
  for (const Bytes& inside : {one, more}) {
    rejects(dir.write("inside.gz", gzip(kPlain + inside)), 3, "too long");
    rejects(dir.write("member.gz", gzip(kPlain) + gzip(inside)), 3, "too long");
  }
  for (const Bytes& garbage : {one, more, kPlain, two, Bytes{0x1f, 0x8c}})
    rejects(dir.write("garbage.gz", gzip(kPlain) + garbage), 3, "something else follows");
}

TEST_CASE("idx: a file cut short at any byte is rejected") {
  const TempDir dir;
  const Bytes files[] = {kPlain, gzip(kPlain), gzip(kPlain, 0, "a name"),
                         gzip(kPlain) + gzip({}, 6, "b")};
  for (const Bytes& file : files) {
    for (std::size_t length = 0; length < file.size(); ++length) {
      if (length == gzip(kPlain).size() && length + 1 < file.size() && file[length] == 0x1f)
        continue;  // the second member gone as a whole: nobody can know
      CAPTURE(length);
      const auto path = dir.write("cut", Bytes(file.begin(), file.begin() + length));
      CHECK(outcome(path, kShape, kPayload) == Outcome::rejected);
    }
  }
  const auto cut = [&](Bytes file, std::size_t by) {
    file.resize(file.size() - by);
    return file;
  };
  rejects(dir.write("cut", cut(kPlain, 1)), 3, "truncated or damaged: the header says (2,3,4), 24");
  rejects(dir.write("cut", gzip(cut(kPlain, 1))), 3, "truncated: the header says (2,3,4), 24");
  rejects(dir.write("cut", cut(gzip(kPlain), 1)), 3, "truncated: the gzip data ends too early");
  rejects(dir.write("magic", Bytes{0x1f, 0x8b}), 3, "truncated: the gzip data ends too early");
  rejects(dir.write("cut", Bytes(kPlain.begin(), kPlain.begin() + 9)), 3, "inside its header");
}

TEST_CASE("idx: any one bit turned over is noticed, or is of no consequence") {
  const TempDir dir;
  const auto flip_all = [&](const Bytes& file, std::size_t bytes, auto&& expected) {
    for (std::size_t bit = 0; bit < 8 * bytes; ++bit) {
      CAPTURE(bit);
      Bytes damaged = file;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      CHECK(expected(outcome(dir.write("flip", damaged), kShape, kPayload)));
    }
  };
  const auto rejected = [](Outcome o) { return o == Outcome::rejected; };
  flip_all(kPlain, 16, rejected);  // the header; a pixel has nothing to be checked against
  const Bytes zip = gzip(kPlain, 6, "name");
  flip_all(zip, zip.size(), [](Outcome o) { return o != Outcome::wrong; });
  // In a header without a name only the date, the level and the system are free.
  const Bytes bare = gzip(kPlain);
  for (std::size_t at = 0; at < bare.size(); ++at) {
    if (at == 3 || (at >= 4 && at < 10)) continue;
    Bytes damaged = bare;
    damaged[at] ^= 0xff;
    CAPTURE(at);
    CHECK(rejected(outcome(dir.write("flip", damaged), kShape, kPayload)));
  }
}

TEST_CASE("idx: the checksum and the length behind gzip data count") {
  const TempDir dir;
  Bytes crc = gzip(kPlain), length = crc, header = crc;
  crc[crc.size() - 8] ^= 1;
  length[length.size() - 1] ^= 1;
  header[2] = 7;
  rejects(dir.write("crc", crc), 3, "damaged gzip data: incorrect data check");
  rejects(dir.write("length", length), 3, "damaged gzip data: incorrect length check");
  rejects(dir.write("method", header), 3, "damaged gzip data: unknown compression method");
}

TEST_CASE("idx: a header that promises the moon allocates nothing") {
  const TempDir dir;
  const std::uint32_t all = 0xffffffff, most = 0x7fffffff;
  // Within what deflate can do, so that only the missing bytes give it away.
  const auto lie =
      dir.write("lie", gzip(idx_header({600, 1000, 1000}) + random_bytes(1'000'000, 7), 0));
  trim_pool();
  const PoolStats before = pool_stats();
  for (const auto& dims : std::vector<std::vector<std::uint32_t>>{
           {most, 1, 1}, {all, 1, 1}, {1u << 20, 28, 28}, {most, most, 1}}) {
    const Bytes file = idx_header(dims) + kPayload;
    rejects(dir.write("plain", file), 3, "truncated or damaged: the header says");
    rejects(dir.write("zip", gzip(file)), 3, "truncated or damaged: the header says");
  }
  for (const auto& dims : std::vector<std::vector<std::uint32_t>>{
           {most, most, most}, {all, all, all}, {0, all, all, all}, {all, all, all, all, all}}) {
    const Bytes file = idx_header(dims) + kPayload;
    const int rank = static_cast<int>(dims.size());
    rejects(dir.write("plain", file), rank, "the number of elements overflows");
    rejects(dir.write("zip", gzip(file)), rank, "the number of elements overflows");
  }
  rejects(lie, 3, "truncated: the header says (600,1000,1000), 600000000 bytes, got 1000000");
  const PoolStats after = pool_stats();
  CHECK(after.in_use == before.in_use);
  CHECK(after.idle < std::size_t{4} << 20);  // every block it ever took, unless under a sanitizer
}
