#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/shape.h"
#include "learner/files/event_file.h"
#include "tests/plot/picture.h"

/// Event files read back, checksums and all. (programs/test_events.py reads them in a language and
/// with a checksum of its own.)
namespace kindling::test {

/// The fields of a protocol buffer message by number: bytes as they lie, varints as numbers.
struct Message {
  std::map<int, std::vector<std::string>> fields;
  std::map<int, std::vector<std::uint64_t>> numbers;

  explicit Message(const std::string& text) {
    std::size_t at = 0;
    const auto varint = [&] {
      std::uint64_t value = 0;
      for (int shift = 0;; shift += 7) {
        REQUIRE(at < text.size());
        const auto byte = static_cast<unsigned char>(text[at++]);
        value |= static_cast<std::uint64_t>(byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    while (at < text.size()) {
      const std::uint64_t key = varint();
      const int field = static_cast<int>(key >> 3), kind = static_cast<int>(key & 7);
      if (kind == 0) {
        numbers[field].push_back(varint());
        continue;
      }
      const std::size_t n = kind == 1 ? 8 : kind == 5 ? 4 : varint();
      REQUIRE(at + n <= text.size());
      fields[field].push_back(text.substr(at, n));
      at += n;
    }
  }
  bool has(int field) const { return fields.contains(field); }
  Message message(int field) const { return Message(fields.at(field).at(0)); }
  template <class T>
  std::vector<T> reals(int field) const {
    const std::string& bytes = fields.at(field).at(0);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
};

/// The events of a file, the one that names the version left out.
inline std::vector<Message> events_of(const std::filesystem::path& path) {
  const std::string bytes = plot::testing::file_bytes(path);
  const auto unsigned_at = [&](std::size_t at, std::size_t n) {
    REQUIRE(at + n <= bytes.size());
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, n);
    return value;
  };
  const auto check_masked = [&](std::size_t at, std::size_t n) {
    const std::uint32_t crc = crc32c(std::string_view(bytes).substr(at, n));
    const std::uint32_t rotated = crc >> 15 | crc << 17;
    CHECK(unsigned_at(at + n, 4) == (rotated + 0xa282ead8u) % (std::uint64_t{1} << 32));
  };
  std::vector<Message> events;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = unsigned_at(at, 8);
    check_masked(at, 8);
    REQUIRE(at + 16 + n <= bytes.size());
    check_masked(at + 12, n);
    events.emplace_back(bytes.substr(at + 12, n));
    at += 16 + n;
  }
  REQUIRE(!events.empty());
  CHECK(events.front().fields.at(3).at(0) == "brain.Event:2");
  events.erase(events.begin());
  return events;
}

/// What there is under a tag: a step, and the Summary.Value.
inline std::vector<std::pair<Index, Message>> tagged(const std::vector<Message>& events,
                                                     const std::string& tag) {
  std::vector<std::pair<Index, Message>> found;
  for (const Message& event : events) {
    if (!event.has(5)) continue;
    const Message value = event.message(5).message(1);
    if (value.fields.at(1).at(0) == tag)
      found.emplace_back(static_cast<Index>(event.numbers.at(2).at(0)), value);
  }
  return found;
}

using Scalars = std::vector<std::pair<Index, float>>;
inline Scalars scalars(const std::vector<Message>& events, const std::string& tag) {
  Scalars result;
  for (const auto& [step, value] : tagged(events, tag))
    result.emplace_back(step, value.reals<float>(2).at(0));
  return result;
}
inline std::vector<Index> steps(const std::vector<Message>& events, const std::string& tag) {
  std::vector<Index> result;
  for (const auto& [step, value] : tagged(events, tag)) result.push_back(step);
  return result;
}

/// Of a folder, by the number at the end of their names: in the order in which they were made.
inline std::vector<std::filesystem::path> event_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::exists(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files.push_back(entry.path());
  const auto number = [](const std::filesystem::path& path) {
    return std::stoi(path.extension().string().substr(1));
  };
  std::sort(files.begin(), files.end(),
            [&](const auto& a, const auto& b) { return number(a) < number(b); });
  return files;
}

}  // namespace kindling::test
