#include "learner/files/npz.h"

#include <zip.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "data/read_file.h"
#include "engine/error.h"
#include "learner/files/atomic_file.h"

namespace kindling {

namespace {

constexpr std::string_view kSuffix = ".npy";
constexpr zip_int64_t kMaxEntries = 16384;
/// The best that deflate can do: 258 bytes for a length of one bit and a distance of one bit.
constexpr zip_uint64_t kMaxDeflateRatio = 4 * 258;

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
template <class T>
using Owned = std::unique_ptr<T, Discard>;

/// zip_error_t is a struct that must be given back.
class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

[[noreturn]] void fail(const std::string& who, const std::string& what) {
  throw Error(who + ": " + what);
}

/// An archive on bytes in memory: those that are given, or none yet. `keep` is the source that
/// still has the bytes when the archive is closed.
Owned<zip_t> open_archive(std::string_view bytes, int flags, const std::string& who,
                          Owned<zip_source_t>* keep = nullptr) {
  ZipError error;
  Owned<zip_source_t> source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  if (!source) fail(who, error.text());
  Owned<zip_t> archive(zip_open_from_source(source.get(), flags, error.get()));
  if (!archive) fail(who, "is no whole .npz file: " + error.text());
  if (keep) {
    zip_source_keep(source.get());
    keep->reset(source.get());
  }
  (void)source.release();  // the archive's
  return archive;
}

/// The name of the array, and how long its entry is and lies; checks all but the content.
struct ZipEntry {
  std::string name;
  zip_uint64_t size, stored;
};

ZipEntry look_at(zip_t* archive, zip_uint64_t i, const std::string& who) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kAll = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive, i, 0, &stat) != 0 || (stat.valid & kAll) != kAll)
    fail(who, str("entry ", i, ": ", zip_strerror(archive)));
  const std::string name = stat.name, entry = who + ": '" + name + "'";
  if (!name.ends_with(kSuffix)) fail(entry, "a name that ends with .npy expected");
  if (stat.encryption_method != ZIP_EM_NONE) fail(entry, "is encrypted");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
    fail(entry, str("is compressed by method ", stat.comp_method, ": 0 or 8 expected"));
  const zip_uint64_t ratio = stat.comp_method == ZIP_CM_STORE ? 1 : kMaxDeflateRatio;
  if (stat.size / ratio > stat.comp_size)
    fail(entry, str(stat.size, " bytes cannot come of ", stat.comp_size));
  return {name.substr(0, name.size() - kSuffix.size()), stat.size, stat.comp_size};
}

/// The bytes of an entry. They double as they arrive: the length is only what somebody says.
std::string read_entry(zip_t* archive, zip_uint64_t i, zip_uint64_t size, const std::string& who) {
  const Owned<zip_file_t> file(zip_fopen_index(archive, i, 0));
  if (!file) fail(who, zip_strerror(archive));
  std::string bytes;
  for (std::size_t got = 0;;) {
    // One byte more than there should be: behind the last one the checksum is compared.
    bytes.resize(std::min<std::size_t>(size + 1, std::max<std::size_t>(2 * got, 64 * 1024)));
    const zip_int64_t n = zip_fread(file.get(), bytes.data() + got, bytes.size() - got);
    if (n < 0) fail(who, str("damaged: ", zip_file_strerror(file.get())));
    got += static_cast<std::size_t>(n);
    if (n > 0 && got <= size) continue;
    if (got != size) fail(who, str("damaged: ", got, " bytes or more, ", size, " expected"));
    bytes.resize(got);
    return bytes;
  }
}

}  // namespace

const NpyArray& NpzArrays::operator[](const std::string& name) const {
  std::string names;
  for (const auto& [known, array] : arrays) {
    if (known == name) return array;
    names += (names.empty() ? "" : ", ") + known;
  }
  throw Error("[npz] no array '" + name + "'; there are: " + names);
}

NpzArrays read_npz(const std::filesystem::path& path) {
  const std::string who = str("[npz] ", path), bytes = read_file(path, "npz");
  if (bytes.empty()) fail(who, "the file is empty");  // an archive of nothing, for libzip
  const Owned<zip_t> archive = open_archive(bytes, ZIP_RDONLY | ZIP_CHECKCONS, who);
  const zip_int64_t n = zip_get_num_entries(archive.get(), 0);
  if (n > kMaxEntries) fail(who, str(n, " entries, more than ", kMaxEntries));
  NpzArrays result;
  std::set<std::string> names;
  zip_uint64_t stored = 0;
  for (zip_int64_t k = 0; k < n; ++k) {
    const auto i = static_cast<zip_uint64_t>(k);
    const ZipEntry entry = look_at(archive.get(), i, who);
    const std::string entry_who = who + ": '" + entry.name + "'";
    if (!names.insert(entry.name).second) fail(entry_who, "is there twice");
    // Entries that share their bytes would make any number of arrays of them.
    if (entry.stored > bytes.size() - stored) fail(entry_who, "has bytes of another entry");
    stored += entry.stored;
    const std::string content = read_entry(archive.get(), i, entry.size, entry_who);
    result.arrays.emplace_back(entry.name, parse_npy(content, entry_who));
  }
  return result;
}

void write_npz(const std::filesystem::path& path, const NpzArrays& what) {
  const std::string who = str("[npz] ", path);
  if (what.arrays.empty() || std::ssize(what.arrays) > kMaxEntries)
    fail(who, str(what.arrays.size(), " arrays: 1 to ", kMaxEntries, " expected"));
  std::vector<std::string> entries;  // referred to until the archive is closed
  entries.reserve(what.arrays.size());
  Owned<zip_source_t> written;
  Owned<zip_t> archive = open_archive({}, ZIP_TRUNCATE, who, &written);
  for (const auto& [name, array] : what.arrays) {
    const std::string entry = who + ": '" + name + "'", file = name + std::string(kSuffix);
    if (name.empty() || zip_name_locate(archive.get(), file.c_str(), 0) >= 0 ||
        name.find('\0') != std::string::npos)
      fail(entry, "a name of its own expected");
    const std::string& bytes = entries.emplace_back(npy_bytes(array, entry));
    Owned<zip_source_t> source(zip_source_buffer(archive.get(), bytes.data(), bytes.size(), 0));
    if (!source) fail(entry, zip_strerror(archive.get()));
    const zip_int64_t i = zip_file_add(archive.get(), file.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    if (i < 0) fail(entry, zip_strerror(archive.get()));
    (void)source.release();
    constexpr zip_uint16_t kFirstOfJanuary1980 = 1 << 5 | 1;
    const auto index = static_cast<zip_uint64_t>(i);
    zip_set_file_compression(archive.get(), index, ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), index, 0, kFirstOfJanuary1980, 0);
  }
  if (zip_close(archive.get()) != 0) fail(who, zip_strerror(archive.get()));
  (void)archive.release();

  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_source_stat(written.get(), &stat) != 0 || zip_source_open(written.get()) != 0)
    fail(who, zip_error_strerror(zip_source_error(written.get())));
  std::string bytes(stat.size, '\0');
  const zip_int64_t n = zip_source_read(written.get(), bytes.data(), bytes.size());
  zip_source_close(written.get());
  if (n != static_cast<zip_int64_t>(bytes.size())) fail(who, "could not be put together");
  write_file_atomically(path.string(), bytes, "npz");
}

}  // namespace kindling
