#include "learner/files/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/error.h"

namespace kindling {

static_assert(std::endian::native == std::endian::little, "the numbers are written as they lie");

namespace {

constexpr int kBins = 30;

template <class T>
std::string as_bytes(T number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// The wire format of protocol buffers (protobuf.dev, "Encoding"): a field is its number and wire
// type, then the value. Numbers are the .proto files'.
enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value % 128 + 128);
  return bytes + static_cast<char>(value);
}
std::string key(int field, WireType type) {
  return varint(static_cast<std::uint64_t>(field) << 3 | type);
}
std::string number(int field, std::int64_t value) {
  return key(field, kVarint) + varint(static_cast<std::uint64_t>(value));
}
std::string real(int field, double value) { return key(field, kFixed64) + as_bytes(value); }
std::string bytes(int field, std::string_view value) {
  return key(field, kBytes) + varint(value.size()) + std::string(value);
}
std::string reals(int field, const std::vector<double>& values) {
  return bytes(field,
               {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)});
}

std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8u; }

std::string record(const std::string& data) {
  const std::string length = as_bytes(static_cast<std::uint64_t>(data.size()));
  return length + as_bytes(masked(crc32c(length))) + data + as_bytes(masked(crc32c(data)));
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::filesystem::path new_name() {
  static std::atomic<unsigned> counter{0};
  char host[256] = "localhost";
  if (::gethostname(host, sizeof host) != 0) host[0] = '\0';
  host[sizeof host - 1] = '\0';
  return str("events.out.tfevents.", static_cast<std::int64_t>(seconds_since_1970()), ".", host,
             ".", ::getpid(), ".", counter++);
}

/// HistogramProto; empty when no number is finite.
std::string histogram_of(std::span<const Scalar> numbers) {
  double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0, squares = 0,
         count = 0;
  for (const double v : numbers) {
    if (!std::isfinite(v)) continue;
    low = std::min(low, v), high = std::max(high, v);
    sum += v, squares += v * v, ++count;
  }
  if (count == 0) return "";
  const int bins = low < high ? kBins : 1;
  const double width = (high - low) / bins;
  std::vector<double> limits, counts(static_cast<std::size_t>(bins));
  for (int i = 1; i < bins; ++i) limits.push_back(low + i * width);
  limits.push_back(high);
  for (const double v : numbers) {
    if (!std::isfinite(v)) continue;
    // A bin's own limit is the first number of the next one.
    const auto bin = std::upper_bound(limits.begin(), limits.end() - 1, v) - limits.begin();
    ++counts[static_cast<std::size_t>(bin)];
  }
  return real(1, low) + real(2, high) + real(3, count) + real(4, sum) + real(5, squares) +
         reals(6, limits) + reals(7, counts);
}

}  // namespace

std::uint32_t crc32c(std::string_view text) {
  // What each byte does to the rest of a division by the polynomial, bits in reverse.
  static const std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78u : 0);
    }
    return table;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : text) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check<Error>(!error, "events", folder, ": cannot be made: ", error.message());
  path_ = folder / new_name();
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  check<Error>(fd_ >= 0, "events", path_, ": cannot be made: ", std::strerror(errno));
  try {
    event(0, bytes(3, "brain.Event:2"));
  } catch (...) {  // no destructor for what was never finished
    ::close(fd_);
    ::unlink(path_.c_str());
    throw;
  }
}

EventFile::~EventFile() {
  if (fd_ >= 0) ::close(fd_);
}

void EventFile::event(std::int64_t step, const std::string& fields) {
  const std::string whole = record(real(1, seconds_since_1970()) + number(2, step) + fields);
  for (std::size_t done = 0; done < whole.size();) {
    const ssize_t n = ::write(fd_, whole.data() + done, whole.size() - done);
    if (n < 0 && errno == EINTR) continue;
    check<Error>(n > 0, "events", path_,
                 ": cannot be written: ", std::strerror(n < 0 ? errno : EIO));
    done += static_cast<std::size_t>(n);
  }
}

void EventFile::summary(std::int64_t step, const std::string& value) {
  event(step, bytes(5, bytes(1, value)));
}

void EventFile::scalar(const std::string& tag, std::int64_t step, double value) {
  const auto rounded = static_cast<float>(value);
  summary(step, bytes(1, tag) + key(2, kFixed32) + as_bytes(rounded));
}

void EventFile::histogram(const std::string& tag, std::int64_t step,
                          std::span<const Scalar> numbers) {
  const std::string histogram = histogram_of(numbers);
  if (!histogram.empty()) summary(step, bytes(1, tag) + bytes(5, histogram));
}

void EventFile::image(const std::string& tag, std::int64_t step, int width, int height,
                      std::string_view png) {
  constexpr int kRgb = 3;
  summary(step, bytes(1, tag) + bytes(4, number(1, height) + number(2, width) + number(3, kRgb) +
                                             bytes(4, png)));
}

void EventFile::restart(std::int64_t step) {
  constexpr int kStart = 1;
  event(step, bytes(7, number(1, kStart)));
}

}  // namespace kindling
