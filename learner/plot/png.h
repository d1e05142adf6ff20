// Pixels to a PNG file (8-bit RGB). The same pixels always give the same bytes.
#pragma once

#include <string>

#include "learner/plot/canvas.h"

namespace kindling::plot {

// The bytes of the PNG file. Throws std::runtime_error if memory runs out.
std::string encode_png(const Canvas& canvas);

// Writes the file whole or not at all. Throws std::runtime_error
// "[png] cannot write 'PATH': No space left on device" (or whatever the reason is).
void write_png(const std::string& path, const Canvas& canvas);

}  // namespace kindling::plot
