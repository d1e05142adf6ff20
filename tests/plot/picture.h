// What the tests of this folder ask of a picture.
#pragma once

#include <doctest/doctest.h>

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "learner/plot/canvas.h"

namespace kindling::plot::testing {

// How much black a black-on-white picture holds, in device pixels.
inline double ink(const Canvas& canvas) {
  double sum = 0;
  for (const std::uint8_t v : canvas.pixels()) sum += (255 - v) / 255.0;
  return sum / 3;
}

// The first pair of overlapping texts or text that leaves the page; empty if all is well.
inline std::string text_trouble(const Canvas& canvas) {
  const auto& boxes = canvas.text_boxes();
  const Rect page{0, 0, canvas.width(), canvas.height()};
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const Rect& box = boxes[i].box;
    if (!page.contains({box.x, box.y}) || !page.contains({box.right(), box.bottom()})) {
      return "'" + boxes[i].text + "' leaves the page";
    }
    for (std::size_t j = 0; j < i; ++j) {
      // Two boxes may share a hair's breadth of their line spacing.
      if (box.overlaps(boxes[j].box.grown(-0.25))) {
        return "'" + boxes[i].text + "' overlaps '" + boxes[j].text + "'";
      }
    }
  }
  return "";
}

inline bool shows_text(const Canvas& canvas, const std::string& text) {
  for (const TextBox& box : canvas.text_boxes()) {
    if (box.text == text) return true;
  }
  return false;
}

inline std::string file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kindling-plot-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  int entries() const {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace kindling::plot::testing
