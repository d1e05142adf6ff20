#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace kindling {

/// How load_image_folder() reads.
struct ImageFolderOptions {
  Index channels = 3;  ///< 1: grey, 3: RGB, whatever the files are.
  /// All images are brought to this size. Both 0: they must be of one size already. With a single 0
  /// load_image_folder() throws Error.
  /// @{
  Index height = 0, width = 0;
  /// @}
  /// The classes there must be, in this order: those of the training images, when these are to
  /// judge by. Empty: the folders there are, sorted by name.
  std::vector<std::string> classes = {};
  Normalize normalize{};  ///< What the dataset does to the pixels of a batch.
};

/// Images of one's own: a folder that has, for every class, a folder named after it with the
/// images.
///
///     shapes/circle/1.png
///     shapes/circle/2.jpg
///     shapes/square/1.png
///
/// Classes, and the images of a class, are in the order of their names. Names that begin with a dot
/// are passed over, and so are files beside the class folders that are no images.
///
/// Throws Error, in one line that names the file, for an image that cannot be read (read_image),
/// that is of another size than the first, that lies outside a class, or for something else
/// (.png, .jpg and .jpeg are images) that lies in one; for a class without images, and for classes
/// that are not the expected ones.
ImageDataset load_image_folder(const std::filesystem::path& folder,
                               const ImageFolderOptions& options = {});

}  // namespace kindling
