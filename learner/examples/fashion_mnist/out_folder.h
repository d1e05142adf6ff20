#pragma once

#include <filesystem>

namespace kindling {

/// Makes the folder, if need be, and throws Error when nothing can be written into it: now rather
/// than after the training.
void prepare_folder(const std::filesystem::path& out);

}  // namespace kindling
