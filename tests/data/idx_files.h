#pragma once

#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// Makes the files that the tests of data/ read.
namespace kindling::testing {

using Bytes = std::vector<std::uint8_t>;

/// A new empty folder that goes away with its content.
class TempDir {
 public:
  TempDir() {
    static std::atomic<int> counter{0};
    path_ = std::filesystem::temp_directory_path() /
            ("kindling-test-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file into the folder, or over it.
  std::filesystem::path write(const std::string& name, const Bytes& bytes) const {
    const auto path = path_ / name;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
    return path;
  }

 private:
  std::filesystem::path path_;
};

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// 00 00 type rank, then the extents.
inline Bytes idx_header(const std::vector<std::uint32_t>& dims, std::uint8_t type = 8) {
  Bytes bytes{0, 0, type, static_cast<std::uint8_t>(dims.size())};
  for (std::uint32_t dim : dims)
    for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(dim >> shift));
  return bytes;
}

/// One gzip member. A name in its header makes that longer, as gzip(1) does.
inline Bytes gzip(const Bytes& bytes, int level = 6, std::string name = {}) {
  z_stream zip{};
  if (deflateInit2(&zip, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  gz_header header{};
  header.name = reinterpret_cast<Bytef*>(name.data());
  header.os = 3;
  if (!name.empty()) deflateSetHeader(&zip, &header);
  Bytes out(deflateBound(&zip, bytes.size()) + name.size() + 64);
  zip.next_in = const_cast<Bytef*>(bytes.data());
  zip.avail_in = static_cast<uInt>(bytes.size());
  zip.next_out = out.data();
  zip.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&zip, Z_FINISH);
  out.resize(zip.total_out);
  deflateEnd(&zip);
  if (code != Z_STREAM_END) throw std::runtime_error("deflate");
  return out;
}

/// What the call throws, or "" if it throws nothing (or nothing of type E).
template <class E, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (...) {
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace kindling::testing
