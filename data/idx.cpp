#include "data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <memory>
#include <new>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "engine/error.h"

namespace kindling {

namespace {

namespace fs = std::filesystem;

/// The best that deflate can do: 258 bytes for a length of one bit and a distance of one bit.
constexpr Index kMaxDeflateRatio = 4 * 258;

/// 15 bits of window, +16: a gzip wrapper and nothing else.
constexpr int kGzipOnly = 15 + 16;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// The content of a file from its beginning to its end, unzipped on the way if it is gzip. zlib's
/// own file functions would do, but for three things: they take anything that is not gzip for plain
/// data, they ignore garbage after the end, and they do not tell a cut file from a whole one.
class Reader {
 public:
  explicit Reader(const fs::path& path);
  ~Reader() {
    if (gzip_) inflateEnd(&zip_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const fs::path& path() const { return path_; }
  Index file_bytes() const { return file_bytes_; }
  /// The most bytes that read() can deliver in all.
  Index limit() const { return gzip_ ? kMaxDeflateRatio * file_bytes_ : file_bytes_; }
  /// Fills out[0, n) and returns n, or less at the end of the content. Throws Error.
  Index read(std::uint8_t* out, Index n) { return gzip_ ? unzip(out, n) : read_file(out, n); }

 private:
  Index read_file(std::uint8_t* out, Index n);
  Index unzip(std::uint8_t* out, Index n);
  bool next_member();

  fs::path path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  Index file_bytes_ = 0;
  bool gzip_ = false;
  z_stream zip_{};
  bool between_members_ = false;  // one gzip stream has ended, another may begin
  bool first_member_ = true;
  std::array<std::uint8_t, 64 * 1024> buffer_;  // what zip_ has not taken yet
};

Reader::Reader(const fs::path& path) : path_(path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  check<Error>(status.type() != fs::file_type::not_found, "idx", path_, ": there is no such file");
  check<Error>(fs::status_known(status), "idx", path_, ": cannot be opened: ", error.message());
  check<Error>(!fs::is_directory(status), "idx", path_, ": is a directory, expected a file");
  // A pipe or a device has no size that a header could be held against.
  check<Error>(fs::is_regular_file(status), "idx", path_, ": is not a regular file");
  file_.reset(std::fopen(path.c_str(), "rb"));
  check<Error>(file_ != nullptr, "idx", path_, ": cannot be opened: ", std::strerror(errno));
  file_bytes_ = static_cast<Index>(fs::file_size(path, error));
  check<Error>(!error, "idx", path_, ": has no size: ", error.message());

  const Index got = read_file(buffer_.data(), buffer_.size());
  check<Error>(got > 0, "idx", path_, ": the file is empty");
  if (got >= 2 && buffer_[0] == 0x1f && buffer_[1] == 0x8b) {
    zip_.next_in = buffer_.data();
    zip_.avail_in = static_cast<uInt>(got);
    if (inflateInit2(&zip_, kGzipOnly) != Z_OK) throw std::bad_alloc();
    gzip_ = true;
  } else {
    std::rewind(file_.get());
  }
}

Index Reader::read_file(std::uint8_t* out, Index n) {
  const std::size_t got = std::fread(out, 1, static_cast<std::size_t>(n), file_.get());
  check<Error>(!std::ferror(file_.get()), "idx", path_, ": cannot be read: ", std::strerror(errno));
  return static_cast<Index>(got);
}

/// After the end of a gzip stream: begins the next one, or returns false at the end of the file.
bool Reader::next_member() {
  if (zip_.avail_in == 0) return false;
  inflateReset(&zip_);
  between_members_ = first_member_ = false;
  return true;
}

Index Reader::unzip(std::uint8_t* out, Index n) {
  Index done = 0;
  while (done < n) {
    if (zip_.avail_in == 0) {
      zip_.next_in = buffer_.data();
      zip_.avail_in = static_cast<uInt>(read_file(buffer_.data(), buffer_.size()));
    }
    if (between_members_ && !next_member()) break;

    const Index room = std::min(n - done, Index{1} << 30);  // zlib counts in 32 bits
    zip_.next_out = out + done;
    zip_.avail_out = static_cast<uInt>(room);
    const int code = inflate(&zip_, Z_NO_FLUSH);
    done += room - zip_.avail_out;

    between_members_ = code == Z_STREAM_END;
    if (code == Z_OK || code == Z_STREAM_END) continue;
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    check<Error>(first_member_ || zip_.total_out > 0, "idx", path_,
                 ": something else follows the gzip data");
    // The input is topped up above, so no progress means that there is no more of it.
    check<Error>(code != Z_BUF_ERROR, "idx", path_, ": truncated: the gzip data ends too early");
    check<Error>(false, "idx", path_, ": damaged gzip data: ", zip_.msg ? zip_.msg : zError(code));
  }
  return done;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::ostringstream out;
  out << std::hex << std::setfill('0');
  for (int byte : bytes) out << (out.tellp() > 0 ? " " : "") << std::setw(2) << byte;
  return out.str();
}

/// Reads the extents and throws Error when the file cannot possibly hold that many bytes.
Shape read_header(Reader& in, int rank) {
  std::array<std::uint8_t, 4> magic{};
  const Index got = in.read(magic.data(), 4);
  check<Error>(magic[0] == 0 && magic[1] == 0, "idx", in.path(), ": not an IDX file: begins with ",
               hex(std::span(magic).first(static_cast<std::size_t>(got))), ", expected 00 00 08");
  check<Error>(got == 4, "idx", in.path(), ": truncated: ends after ", got, " bytes");
  check<Error>(magic[2] == 8, "idx", in.path(), ": elements of type ",
               hex(std::span(magic).subspan(2, 1)), ", expected 08, unsigned bytes");
  check<Error>(magic[3] == rank, "idx", in.path(), ": ", int{magic[3]}, " axes, expected ", rank);

  std::array<std::uint8_t, 4 * Shape::kMaxRank> extents{};
  const Index header_bytes = 4 + 4 * rank;
  check<Error>(in.read(extents.data(), 4 * rank) == 4 * rank, "idx", in.path(),
               ": truncated: ends inside its header of ", header_bytes, " bytes");
  std::array<Index, Shape::kMaxRank> dims{};
  Index product = 1;
  bool fits = true;
  for (int axis = 0; axis < rank; ++axis) {
    for (int i = 0; i < 4; ++i) dims[axis] = dims[axis] << 8 | extents[4 * axis + i];
    fits = fits && !__builtin_mul_overflow(product, std::max<Index>(dims[axis], 1), &product);
  }
  check<Error>(fits, "idx", in.path(), ": damaged header: the number of elements overflows");
  const Shape shape(std::span<const Index>(dims.data(), rank));
  const Index room = std::max<Index>(in.limit() - header_bytes, 0);
  check<Error>(shape.size() <= room, "idx", in.path(), ": truncated or damaged: the header says ",
               shape, ", ", shape.size(), " bytes, but a file of ", in.file_bytes(),
               " bytes holds at most ", room);
  return shape;
}

/// Reads the elements. Zipped data may still be less than the header says, so its buffer starts at
/// the size of the file and doubles as the bytes arrive.
ByteArray read_elements(Reader& in, const Shape& shape) {
  ByteArray bytes(Shape{std::min(shape.size(), in.file_bytes())});
  Index got = in.read(bytes.data(), bytes.size());
  while (got == bytes.size() && got < shape.size()) {
    ByteArray larger(Shape{std::min(shape.size(), 2 * got)});
    std::copy_n(std::as_const(bytes).data(), got, larger.data());
    bytes = std::move(larger);
    got += in.read(bytes.data() + got, bytes.size() - got);
  }
  check<Error>(got == shape.size(), "idx", in.path(), ": truncated: the header says ", shape, ", ",
               shape.size(), " bytes, got ", got);
  // Asking for one more also makes zlib verify the checksum, which comes after the last byte.
  std::uint8_t extra;
  check<Error>(in.read(&extra, 1) == 0, "idx", in.path(), ": too long: more bytes follow the ",
               shape.size(), " of ", shape);
  return bytes.reshape(shape);
}

}  // namespace

ByteArray read_idx(const fs::path& path, int rank) {
  check<Error>(rank >= 1 && rank <= Shape::kMaxRank, "idx", path, ": asked for ", rank,
               " axes, expected 1 to ", int{Shape::kMaxRank});
  Reader in(path);
  const Shape shape = read_header(in, rank);
  return read_elements(in, shape);
}

}  // namespace kindling
