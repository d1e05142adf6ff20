#pragma once

#include <filesystem>

#include "engine/array.h"

namespace kindling {

/// The pixels (H, W, channels) of a PNG or JPEG file, row 0 on top: channels = 1 is grey (Rec.
/// 601), 3 is RGB, whatever the file has. 16 bits become 8, what is transparent shows white, and a
/// photo stands upright whichever way the camera was held, if its EXIF data say so.
/// Throws Error, in one line that names the file, when it is neither, when it is cut or, as far as
/// its format can tell, damaged (a PNG has checksums, which are compared), and when it promises
/// more pixels than its bytes can hold, or than 2^28. Also for other channels. libpng and
/// libjpeg-turbo decode, and libexif reads how the camera was held.
ByteArray read_image(const std::filesystem::path& path, Index channels);

/// The same image (H, W, C) in another size: neighbouring pixels weighted as stb_image_resize does
/// by default (Catmull-Rom to enlarge, Mitchell-Netravali to shrink). Throws Error for extents
/// outside [1, 2^15], and ShapeError for an image without pixels or of another rank.
ByteArray resize_image(const ByteArray& image, Index height, Index width);

}  // namespace kindling
