#include "data/fashion_mnist.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/error.h"
#include "tests/data/idx_files.h"

using namespace kindling;
using namespace kindling::testing;
namespace fs = std::filesystem;

namespace {

/// Sets an environment variable and puts back what it was.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (old_)
      ::setenv(name_, old_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

Bytes images(std::uint32_t n, std::uint32_t side = 28) {
  return idx_header({n, side, side}) + Bytes(n * side * side, 7);
}
Bytes labels(std::uint32_t n, std::uint8_t label = 9) { return idx_header({n}) + Bytes(n, label); }

/// Three rows to train on, two to test with; half of the files zipped.
void write_small_set(const TempDir& dir) {
  dir.write("train-images-idx3-ubyte.gz", gzip(images(3)));
  dir.write("train-labels-idx1-ubyte", labels(3));
  dir.write("t10k-images-idx3-ubyte", images(2));
  dir.write("t10k-labels-idx1-ubyte.gz", gzip(labels(2, 0)));
}

std::string error_of(const fs::path& dir) {
  return message_of<Error>([&] { load_fashion_mnist(dir); });
}

}  // namespace

TEST_CASE("Fashion-MNIST: the files themselves") {
  std::optional<FashionMnist> loaded;
  try {
    loaded = load_fashion_mnist({}, FashionMnist::kNormalize);
  } catch (const Error& error) {
    MESSAGE("skipped: " << error.what());
    return;
  }
  const auto& [train, test] = *loaded;
  CHECK(train.images().shape() == Shape{60000, 28, 28, 1});
  CHECK(test.images().shape() == Shape{10000, 28, 28, 1});
  CHECK(train.classes().size() == 10);
  CHECK(train.classes()[9] == "Ankle boot");
  CHECK(train.labels()[0] == 9);
  for (const ImageDataset* part : {&train, &test}) {
    std::array<Index, 10> counts{};
    for (const int label : part->labels().values()) ++counts[label];
    for (const Index count : counts) CHECK(count == part->size() / 10);
  }
  double sum = 0, squares = 0;
  for (const std::uint8_t byte : train.images().values()) {
    sum += byte / 255.0;
    squares += byte / 255.0 * (byte / 255.0);
  }
  const double n = static_cast<double>(train.images().size()), mean = sum / n;
  CHECK(mean == doctest::Approx(.2860).epsilon(.0005));
  CHECK(std::sqrt(squares / n - mean * mean) == doctest::Approx(.3530).epsilon(.0005));
  CHECK(train.normalize().mean == FashionMnist::kNormalize.mean);
}

TEST_CASE("Fashion-MNIST: plain and zipped files from a folder that is given") {
  const TempDir dir;
  write_small_set(dir);
  const FashionMnist set = load_fashion_mnist(dir.path());
  CHECK(set.train.size() == 3);
  CHECK(set.test.size() == 2);
  CHECK(set.train.labels()[2] == 9);
  const Index rows[] = {1};
  CHECK(set.test.batch(rows).xs[0].value()[0] == Scalar(7) / 255);
}

TEST_CASE("Fashion-MNIST: the environment comes before the usual places") {
  const TempDir dir;
  write_small_set(dir);
  const Environment chosen("KINDLING_FASHION_MNIST", dir.path().string());
  CHECK(load_fashion_mnist().train.size() == 3);
  const TempDir other;
  CHECK(contains(error_of(other.path()), "not found"));  // a folder that is given comes first
}

TEST_CASE("Fashion-MNIST: the user's cache, when it is nowhere else") {
  if (fs::exists("/usr/share/datasets/fashion-mnist")) return;
  const TempDir cache;
  const Environment chosen("KINDLING_FASHION_MNIST", "");
  const Environment xdg("XDG_CACHE_HOME", cache.path().string());
  const std::string message = error_of({});
  CHECK(contains(message, "/usr/share/datasets/fashion-mnist"));
  const fs::path dir = cache.path() / "kindling/fashion-mnist";
  CHECK(contains(message, dir.string()));
  fs::create_directories(dir);
  write_small_set(cache);
  for (const auto& file : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"})
    fs::rename(cache.path() / file, dir / file);
  CHECK(load_fashion_mnist().train.size() == 3);
}

TEST_CASE("Fashion-MNIST: not found says where it looked and how to install it") {
  const TempDir dir;
  const std::string message = error_of(dir.path());
  CHECK(contains(message, "looked in " + dir.path().string()));
  CHECK(contains(message, "apt-get install dataset-fashion-mnist"));
  CHECK(!contains(message, "/usr/share"));  // only the folder that was given
  CHECK(!contains(message, "\n"));
}

TEST_CASE("Fashion-MNIST: errors name the file") {
  const TempDir dir;
  const auto expect_error = [&](const std::string& name, const Bytes& bytes,
                                const std::string& trouble) {
    write_small_set(dir);
    dir.write(name, bytes);
    const std::string message = error_of(dir.path());
    CAPTURE(message);
    CHECK(contains(message, (dir.path() / name).string()));
    CHECK(contains(message, trouble));
  };
  expect_error("train-labels-idx1-ubyte", labels(4), "3 images, but 4 labels");
  expect_error("train-labels-idx1-ubyte", labels(3, 10), "label 10 in row 0, expected 0 to 9");
  expect_error("train-labels-idx1-ubyte", images(3), "3 axes, expected 1");
  expect_error("train-images-idx3-ubyte.gz", images(3, 27), "(3,27,27), expected (N,28,28)");
  expect_error("train-images-idx3-ubyte.gz", gzip(images(0)), "no images in it");
  expect_error("t10k-images-idx3-ubyte", Bytes{}, "the file is empty");

  write_small_set(dir);
  fs::remove(dir.path() / "t10k-images-idx3-ubyte");
  const std::string missing = error_of(dir.path());
  CHECK(contains(missing, (dir.path() / "t10k-images-idx3-ubyte").string()));
  CHECK(contains(missing, "there is no such file"));
}
