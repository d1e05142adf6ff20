#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/scalar.h"

namespace kindling {

/// What TensorBoard reads: a file of events, each a number, a histogram or a picture with a name
/// and a step. It grows event by event (TensorBoard reads along), so it is the one file here that
/// is not written whole; a reader takes each event for itself, by its checksums, and ignores a last
/// one that was cut off. The format, all numbers little-endian:
///
///     a file      records, the first of which says "brain.Event:2"
///     a record    8 bytes: length N; 4: checksum of those 8; N bytes: an event; 4: its checksum
///     an event    the protocol buffer tensorflow.Event (tensorflow/core/util/event.proto, and
///                 framework/summary.proto), of which a few fields are used
///     checksum    CRC-32C (RFC 3720), rotated right by 15 bits, plus 0xa282ead8
class EventFile {
 public:
  /// A new file events.out.tfevents.SECONDS.HOST.PID.NUMBER in the folder, which is made where it
  /// is missing. Throws Error when either cannot be made.
  explicit EventFile(const std::filesystem::path& folder);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  const std::filesystem::path& path() const { return path_; }  ///< The file's, with the folder.

  /// All throw Error when the disk is full or the like.
  void scalar(const std::string& tag, std::int64_t step, double value);
  /// Of the finite numbers, in 30 bins of equal width from the smallest to the largest; nothing
  /// when there are none.
  void histogram(const std::string& tag, std::int64_t step, std::span<const Scalar> numbers);
  /// The bytes of a PNG file of that many pixels.
  void image(const std::string& tag, std::int64_t step, int width, int height,
             std::string_view png);
  /// The training goes on from this step: TensorBoard then drops what earlier files of the folder
  /// say of this step and later ones.
  void restart(std::int64_t step);

 private:
  void summary(std::int64_t step, const std::string& value);
  void event(std::int64_t step, const std::string& fields);

  std::filesystem::path path_;
  int fd_ = -1;
};

/// CRC-32C, Castagnoli's polynomial (RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace kindling
