#include "data/image_folder.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "data/image_file.h"
#include "tests/data/image_files.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace fs = std::filesystem;

TEST_CASE("image_folder: classes and images in the order of their names") {
  const TempDir folder;
  const ByteArray b2 = noise(4, 5, 3, 1), b10 = noise(4, 5, 3, 2), a = noise(4, 5, 3, 3);
  write(folder, "b/2.PNG", png(b2));
  write(folder, "b/10.png", png(b10));
  write(folder, "a/x.png", png(a));
  write(folder, "a/.hidden", {});
  write(folder, "README.txt", {});
  const ImageDataset got = load_image_folder(folder.path(), {.normalize = {.mean = 0.5, .std = 2}});
  CHECK(got.classes() == std::vector<std::string>{"a", "b"});
  CHECK(got.images().shape() == Shape{3, 4, 5, 3});
  CHECK(equal(got.images().rows(0, 1).reshape({4, 5, 3}), a));
  CHECK(equal(got.images().rows(1, 2).reshape({4, 5, 3}), b10));
  CHECK(equal(got.images().rows(2, 3).reshape({4, 5, 3}), b2));
  const auto labels = got.labels().values();
  CHECK(std::vector<int>(labels.begin(), labels.end()) == std::vector<int>{0, 1, 1});
  CHECK(got.normalize().std == 2);

  const ImageDataset turned = load_image_folder(
      folder.path(), {.channels = 1, .height = 2, .width = 3, .classes = {"b", "a"}});
  CHECK(turned.images().shape() == Shape{3, 2, 3, 1});
  CHECK(turned.labels()[0] == 0);
  CHECK(turned.labels()[2] == 1);
  CHECK(equal(turned.images().rows(2, 3).reshape({2, 3, 1}),
              resize_image(read_image(folder.path() / "a/x.png", 1), 2, 3)));
}

TEST_CASE("image_folder: what does not belong is named") {
  const TempDir folder;
  const fs::path top = folder.path();
  const auto message = [&](const ImageFolderOptions& options = {}) {
    return message_of([&] { load_image_folder(top, options); });
  };
  CHECK(message() == str("[image_folder] ", top, ": has no folders: one for every class expected"));
  write(folder, "a/1.png", png(noise(4, 5, 3)));
  fs::create_directories(top / "b");
  CHECK(message() == str("[image_folder] ", top / "b", ": has no images"));
  write(folder, "b/1.png", png(noise(5, 4, 3)));
  CHECK(message() == str("[image_folder] ", top / "b/1.png", ": 5 x 4 pixels; ", top / "a/1.png",
                         " has 4 x 5 (give a height and a width to bring all to one size)"));
  CHECK(message({.height = 4}) ==
        "[image_folder] images of 4 x 0 pixels: two extents, or 0 x 0 for none");
  CHECK(message({.classes = {"a", "c"}}) ==
        str("[image_folder] ", top, ": the classes are a, b; a, c expected"));
  CHECK(message({.classes = {"a", "b", "b"}}) ==
        str("[image_folder] ", top, ": the classes are a, b; a, b, b expected"));
  write(folder, "b/2.gif", {});
  CHECK(message({.height = 4, .width = 4}) ==
        str("[image_folder] ", top / "b/2.gif", ": .png, .jpg or .jpeg expected"));
  write(folder, "c.png", {});
  CHECK(message() == str("[image_folder] ", top / "c.png",
                         ": lies in no class: a folder for every class expected"));
  CHECK(begins(message_of([] { load_image_folder("/no/folder"); }),
               "[image_folder] \"/no/folder\": cannot be read: "));
}

}  // namespace kindling::test
