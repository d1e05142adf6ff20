#include "data/fashion_mnist.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "data/idx.h"
#include "engine/error.h"

namespace kindling {

namespace {

namespace fs = std::filesystem;

constexpr Index kSide = 28;

/// A file of the set, plain or zipped; empty when the folder has neither.
fs::path find_file(const fs::path& dir, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    const fs::path path = dir / (name + ending);
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path;
  }
  return {};
}

bool has_any_file(const fs::path& dir) {
  for (const char* part : {"train", "t10k"})
    for (const char* kind : {"-images-idx3-ubyte", "-labels-idx1-ubyte"})
      if (!find_file(dir, std::string(part) + kind).empty()) return true;
  return false;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::vector<fs::path> places() {
  std::vector<fs::path> dirs;
  if (const auto chosen = environment("KINDLING_FASHION_MNIST"); !chosen.empty())
    dirs.emplace_back(chosen);
  dirs.emplace_back("/usr/share/datasets/fashion-mnist");
  const std::string cache = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (!cache.empty())
    dirs.push_back(fs::path(cache) / "kindling/fashion-mnist");
  else if (!home.empty())
    dirs.push_back(fs::path(home) / ".cache/kindling/fashion-mnist");
  return dirs;
}

fs::path find_dir(const fs::path& given) {
  const std::vector<fs::path> dirs = given.empty() ? places() : std::vector{given};
  std::string looked;
  for (const fs::path& dir : dirs) {
    if (has_any_file(dir)) return dir;
    looked += (looked.empty() ? "" : ", ") + dir.string();
  }
  throw Error(str("[fashion_mnist] not found; looked in ", looked,
                  "; to install it: apt-get install dataset-fashion-mnist"));
}

fs::path require_file(const fs::path& dir, const std::string& name) {
  const fs::path path = find_file(dir, name);
  check<Error>(!path.empty(), "fashion_mnist", dir / name, ": there is no such file, nor with .gz");
  return path;
}

/// (N) labels, each below 10.
IntArray read_labels(const fs::path& path) {
  constexpr int kCount = static_cast<int>(FashionMnist::kClasses.size());
  const ByteArray bytes = read_idx(path, 1);
  IntArray labels(bytes.shape());
  std::int32_t* out = labels.data();
  for (Index i = 0; i < bytes.size(); ++i) {
    check<Error>(bytes[i] < kCount, "fashion_mnist", path, ": label ", int{bytes[i]}, " in row ", i,
                 ", expected 0 to ", kCount - 1);
    out[i] = bytes[i];
  }
  return labels;
}

ImageDataset load_part(const fs::path& dir, const std::string& part, Normalize normalize) {
  const fs::path image_path = require_file(dir, part + "-images-idx3-ubyte");
  const fs::path label_path = require_file(dir, part + "-labels-idx1-ubyte");
  // The small file first: the cheap mistakes show before the slow ones.
  IntArray labels = read_labels(label_path);
  ByteArray images = read_idx(image_path, 3);
  check<Error>(images.dim(1) == kSide && images.dim(2) == kSide, "fashion_mnist", image_path,
               ": images ", images.shape(), ", expected (N,28,28)");
  check<Error>(images.dim(0) > 0, "fashion_mnist", image_path, ": no images in it");
  check<Error>(images.dim(0) == labels.dim(0), "fashion_mnist", image_path, ": ", images.dim(0),
               " images, but ", labels.dim(0), " labels in ", label_path);
  return ImageDataset(std::move(images), std::move(labels),
                      {FashionMnist::kClasses.begin(), FashionMnist::kClasses.end()}, normalize);
}

}  // namespace

FashionMnist load_fashion_mnist(const fs::path& dir, Normalize normalize) {
  const fs::path found = find_dir(dir);
  return {load_part(found, "train", normalize), load_part(found, "t10k", normalize)};
}

}  // namespace kindling
