#pragma once

#include <filesystem>

#include "engine/array.h"

namespace kindling {

/// A photo of one piece of clothing, PNG or JPEG, made into what Fashion-MNIST is made of: grey,
/// 28 x 28 pixels, the piece light before black and as large as fits. What its makers did to theirs
/// (Xiao et al., 2017, figure 1) but for their sharpening: cut off the background, shrink the
/// longer side to 28, fill up the shorter one, negate. Here the background is what the four edges
/// are mostly like, and it is negated when that is light; how far they differ, by light or shadow,
/// says how far a pixel must be from it to count, and single specks do not. -> (28, 28). Throws
/// Error, with the path, as read_image() does, and for what shows nothing but background.
ByteArray read_photo(const std::filesystem::path& path);

}  // namespace kindling
