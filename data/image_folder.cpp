#include "data/image_folder.h"

#include <algorithm>
#include <cctype>

#include "data/image_file.h"
#include "engine/error.h"

namespace kindling {

namespace {

namespace fs = std::filesystem;

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

/// What is in a folder, sorted by name, without what begins with a dot.
std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator at(folder, error);
  std::vector<fs::path> paths;
  for (; !error && at != fs::directory_iterator(); at.increment(error))
    if (!at->path().filename().string().starts_with('.')) paths.push_back(at->path());
  check<Error>(!error, "image_folder", folder, ": cannot be read: ", error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> class_folders(const fs::path& folder) {
  std::vector<std::string> classes;
  for (const fs::path& path : entries(folder)) {
    std::error_code none;  // a link to nowhere is no folder
    if (fs::is_directory(path, none))
      classes.push_back(path.filename().string());
    else
      check<Error>(!is_image(path), "image_folder", path,
                   ": lies in no class: a folder for every class expected");
  }
  check<Error>(!classes.empty(), "image_folder", folder,
               ": has no folders: one for every class expected");
  return classes;
}

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// The images of one size, one behind the other.
class Images {
 public:
  explicit Images(const ImageFolderOptions& options) : options_(options) {}

  void add(const fs::path& path) {
    const Index height = options_.height, width = options_.width;
    ByteArray image = read_image(path, options_.channels);
    if (height > 0 && (image.dim(0) != height || image.dim(1) != width))
      image = resize_image(image, height, width);
    if (n_ == 0) shape_ = image.shape(), first_ = path;
    check<Error>(image.shape() == shape_, "image_folder", path, ": ", image.dim(0), " x ",
                 image.dim(1), " pixels; ", first_, " has ", shape_[0], " x ", shape_[1],
                 " (give a height and a width to bring all to one size)");
    pixels_.insert(pixels_.end(), image.values().begin(), image.values().end());
    ++n_;
  }
  Index size() const { return n_; }
  ByteArray all() const { return ByteArray({n_, shape_[0], shape_[1], shape_[2]}, pixels_); }

 private:
  const ImageFolderOptions& options_;
  Index n_ = 0;
  Shape shape_;
  fs::path first_;
  std::vector<std::uint8_t> pixels_;
};

}  // namespace

ImageDataset load_image_folder(const fs::path& folder, const ImageFolderOptions& options) {
  check<Error>(
      (options.height > 0) == (options.width > 0) && options.height >= 0 && options.width >= 0,
      "image_folder", "images of ", options.height, " x ", options.width,
      " pixels: two extents, or 0 x 0 for none");
  const std::vector<std::string> there = class_folders(folder);
  std::vector<std::string> classes = options.classes.empty() ? there : options.classes;
  std::vector<std::string> sorted = classes;
  std::sort(sorted.begin(), sorted.end());
  check<Error>(sorted == there, "image_folder", folder, ": the classes are ", list(there), "; ",
               list(sorted), " expected");

  Images images(options);
  std::vector<std::int32_t> labels;
  for (const std::string& name : classes) {
    const Index before = images.size();
    for (const fs::path& path : entries(folder / name)) {
      check<Error>(is_image(path), "image_folder", path, ": .png, .jpg or .jpeg expected");
      images.add(path);
      labels.push_back(static_cast<std::int32_t>(&name - classes.data()));
    }
    check<Error>(images.size() > before, "image_folder", folder / name, ": has no images");
  }
  IntArray y(Shape{images.size()}, labels);
  return ImageDataset(images.all(), std::move(y), std::move(classes), options.normalize);
}

}  // namespace kindling
