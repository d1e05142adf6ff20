// The pictures of what a model says, which name classes by their scores.

#include "learner/examples/fashion_mnist/pictures.h"

#include <doctest/doctest.h>

#include "data/synthetic.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;

TEST_CASE("a model of more classes than the images have is refused, and draws nothing") {
  const plot::testing::TemporaryFolder folder;
  const ImageDataset images = synthetic_images(6, 10, 1);
  for (const Index classes : {9, 10, 12}) {
    CAPTURE(classes);
    Array scores(Shape{6, classes}, 0);
    for (Index i = 0; i < 6; ++i) scores.data()[(i + 1) * classes - 1] = 5;  // the last one
    const Predictions predictions{scores, images.labels()};
    const Judged judged{images, 0, predictions};
    for (const auto draw : {draw_predictions, draw_top_losses, draw_confusion}) {
      const std::string path = folder.file("picture.png");
      const std::string message = test::message_of([&] { draw(path, judged); });
      if (classes == 10)
        CHECK(message == "<nothing was thrown>");
      else
        CHECK(test::contains(message, str(" (6,", classes, ")")));
      CHECK(std::filesystem::remove(path) == (classes == 10));
    }
  }
}

TEST_CASE("a picture shows forty photos at most") {
  const plot::testing::TemporaryFolder folder;
  const auto bytes = [&](Index n) {
    const ImageDataset photos = synthetic_images(41, 10, 1);
    const ByteArray some = photos.images().rows(0, n);
    IntArray labels(Shape{n}, 0);
    draw_photos(folder.file("photos.png"), {some, labels, photos.classes()},
                std::vector<std::string>(static_cast<std::size_t>(n), "a"));
    return plot::testing::file_bytes(folder.file("photos.png"));
  };
  CHECK((bytes(41) == bytes(40)));
  CHECK((bytes(40) != bytes(39)));
}
