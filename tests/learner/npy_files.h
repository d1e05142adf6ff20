#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

/// .npy and .npz files put together by hand, from what their formats say.
namespace kindling::test {

/// `number` as `bytes` bytes, the lowest first.
inline std::string little(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, number >>= 8) text += static_cast<char>(number & 0xff);
  return text;
}

template <class T>
std::string raw(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

inline std::string npy(const std::string& header, const std::string& body, int version = 1) {
  return "\x93NUMPY" + little(static_cast<std::uint64_t>(version), 1) + little(0, 1) +
         little(header.size(), version == 1 ? 2 : 4) + header + body;
}
inline std::string npy_header(const std::string& descr, const std::string& shape,
                              bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }\n";
}

/// An entry of a zip file (PKWARE's APPNOTE, 4.3), and the lies that it may tell.
struct ZipEntry {
  std::string name, content;
  bool deflated = false;
  std::uint64_t method = 99;  ///< 99: what it is.
  std::uint64_t flags = 0;
  std::int64_t longer = 0;  ///< Added to the length that is given.
};

inline std::string deflated(const std::string& bytes) {
  z_stream zip{};
  deflateInit2(&zip, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&zip, bytes.size()), '\0');
  zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zip.avail_in = static_cast<uInt>(bytes.size());
  zip.next_out = reinterpret_cast<Bytef*>(out.data());
  zip.avail_out = static_cast<uInt>(out.size());
  deflate(&zip, Z_FINISH);
  out.resize(zip.total_out);
  deflateEnd(&zip);
  return out;
}

inline std::string zip(const std::vector<ZipEntry>& entries) {
  std::string file, directory;
  for (const ZipEntry& entry : entries) {
    const std::string data = entry.deflated ? deflated(entry.content) : entry.content;
    const std::uint64_t method =
        entry.method != 99 ? entry.method : static_cast<std::uint64_t>(entry.deflated ? 8 : 0);
    const auto crc =
        ::crc32_z(0, reinterpret_cast<const Bytef*>(entry.content.data()), entry.content.size());
    const auto length =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(entry.content.size()) + entry.longer);
    const std::string common = little(20, 2) + little(entry.flags, 2) + little(method, 2) +
                               little(0, 2) + little(33, 2) + little(crc, 4) +
                               little(data.size(), 4) + little(length, 4) +
                               little(entry.name.size(), 2) + little(0, 2);
    directory +=
        "PK\1\2" + little(20, 2) + common + little(0, 10) + little(file.size(), 4) + entry.name;
    file += "PK\3\4" + common + entry.name + data;
  }
  return file + directory + "PK\5\6" + little(0, 4) + little(entries.size(), 2) +
         little(entries.size(), 2) + little(directory.size(), 4) + little(file.size(), 4) +
         little(0, 2);
}

}  // namespace kindling::test
