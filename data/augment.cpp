#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"
#include "engine/parallel.h"

namespace kindling {

namespace {

/// A part of an image, and where it begins.
struct Part {
  Index h, w;
  Part(const Augment::Image& image, double share)
      : h(static_cast<Index>(share * static_cast<double>(image.h))),
        w(static_cast<Index>(share * static_cast<double>(image.w))) {}
  Index row(const Augment::Image& image, Draw& draw) const { return draw.below(image.h - h + 1); }
  Index column(const Augment::Image& image, Draw& draw) const {
    return draw.below(image.w - w + 1);
  }
};

void check_parts(const char* who, double share, int most) {
  check<Error>(share > 0 && share <= 1 && most >= 0, who, "share ", share, ", most ", most,
               ": a share in (0, 1] and at least 0 parts expected");
}

/// The image as it is, out of the way, so that it can be written anew.
const Scalar* set_aside(const Augment::Image& image) {
  std::copy_n(image.pixels, image.h * image.w * image.c, image.scratch);
  return image.scratch;
}

}  // namespace

Augment& Augment::add(Step step) {
  check<Error>(step != nullptr, "augment", "a step is empty");
  steps_.push_back(std::move(step));
  return *this;
}

Augment& Augment::random_crop(Index padding, Scalar fill) {
  constexpr Index kMost = 1 << 20;
  check<Error>(padding >= 0 && padding <= kMost, "random_crop", "padding ", padding, ": 0 to ",
               kMost, " expected");
  return add([=](const Image& image, Draw& draw) {
    const Index down = draw.below(2 * padding + 1) - padding;
    const Index right = draw.below(2 * padding + 1) - padding;
    if (down == 0 && right == 0) return;
    const Scalar* from = set_aside(image);
    for (Index y = 0; y < image.h; ++y)
      for (Index x = 0; x < image.w; ++x) {
        const Index row = y + down, column = x + right;
        const bool inside = row >= 0 && row < image.h && column >= 0 && column < image.w;
        if (inside)
          std::copy_n(from + (row * image.w + column) * image.c, image.c, image.at(y, x));
        else
          std::fill_n(image.at(y, x), image.c, fill);
      }
  });
}

Augment& Augment::horizontal_flip(double p) {
  check<Error>(p >= 0 && p <= 1, "horizontal_flip", "p ", p, ": in [0, 1] expected");
  return add([=](const Image& image, Draw& draw) {
    if (!draw.chance(p)) return;
    for (Index y = 0; y < image.h; ++y)
      for (Index left = 0, right = image.w - 1; left < right; ++left, --right)
        std::swap_ranges(image.at(y, left), image.at(y, left) + image.c, image.at(y, right));
  });
}

Augment& Augment::random_erase(double share, int most) {
  check_parts("random_erase", share, most);
  return add([=](const Image& image, Draw& draw) {
    const Index parts = draw.below(Index{most} + 1), n = image.h * image.w * image.c;
    if (parts == 0 || n == 0) return;
    double sum = 0, square = 0;
    for (Index i = 0; i < n; ++i) sum += double{image.pixels[i]};
    const double mean = sum / static_cast<double>(n);
    for (Index i = 0; i < n; ++i) square += (image.pixels[i] - mean) * (image.pixels[i] - mean);
    const double deviation = std::sqrt(square / static_cast<double>(n));
    const auto [low, high] = std::minmax_element(image.pixels, image.pixels + n);
    const double least = double{*low}, largest = double{*high};
    const Part part(image, share);
    for (Index k = 0; k < parts; ++k) {
      const Index top = part.row(image, draw), left = part.column(image, draw);
      for (Index y = top; y < top + part.h; ++y)
        for (Scalar* p = image.at(y, left); p < image.at(y, left + part.w); ++p)
          *p = static_cast<Scalar>(std::clamp(mean + deviation * draw.normal(), least, largest));
    }
  });
}

Augment& Augment::random_copy(double share, int most) {
  check_parts("random_copy", share, most);
  return add([=](const Image& image, Draw& draw) {
    const Part part(image, share);
    for (Index k = draw.below(Index{most} + 1); k > 0; --k) {
      const Scalar* from = set_aside(image);
      const Index top = part.row(image, draw), left = part.column(image, draw);
      const Index from_top = part.row(image, draw), from_left = part.column(image, draw);
      for (Index y = 0; y < part.h; ++y)
        std::copy_n(from + ((from_top + y) * image.w + from_left) * image.c, part.w * image.c,
                    image.at(top + y, left));
    }
  });
}

Augment& Augment::affine(double degrees, double zoom, double shift, Scalar fill) {
  check<Error>(degrees >= 0 && degrees <= 180 && zoom >= 0 && zoom < 1 && shift >= 0 && shift <= 1,
               "affine", "degrees ", degrees, ", zoom ", zoom, ", shift ", shift,
               ": in [0, 180], [0, 1) and [0, 1] expected");
  return add([=](const Image& image, Draw& draw) {
    const auto within = [&](double most) { return (2 * draw.uniform() - 1) * most; };
    const double angle = within(degrees) * std::numbers::pi / 180, scale = 1 / (1 + within(zoom));
    const double dy = within(shift) * static_cast<double>(image.h);
    const double dx = within(shift) * static_cast<double>(image.w);
    const double cos = scale * std::cos(angle), sin = scale * std::sin(angle);
    const double middle_y = static_cast<double>(image.h - 1) / 2;
    const double middle_x = static_cast<double>(image.w - 1) / 2;
    const Scalar* from = set_aside(image);
    const auto pixel = [&](Index y, Index x, Index k) {
      const bool inside = y >= 0 && y < image.h && x >= 0 && x < image.w;
      return double{inside ? from[(y * image.w + x) * image.c + k] : fill};
    };
    for (Index y = 0; y < image.h; ++y)
      for (Index x = 0; x < image.w; ++x) {
        // Where this pixel comes from: the turn and the zoom undone.
        const double v = static_cast<double>(y) - middle_y - dy;
        const double u = static_cast<double>(x) - middle_x - dx;
        const double at_y = middle_y + cos * v - sin * u, at_x = middle_x + sin * v + cos * u;
        const Index top = static_cast<Index>(std::floor(at_y));
        const Index left = static_cast<Index>(std::floor(at_x));
        const double b = at_y - static_cast<double>(top), a = at_x - static_cast<double>(left);
        for (Index k = 0; k < image.c; ++k)
          image.at(y, x)[k] = static_cast<Scalar>(
              (1 - b) * ((1 - a) * pixel(top, left, k) + a * pixel(top, left + 1, k)) +
              b * ((1 - a) * pixel(top + 1, left, k) + a * pixel(top + 1, left + 1, k)));
      }
  });
}

Batch Augment::operator()(Batch batch) const {
  check(!batch.xs.empty() && batch.xs[0].rank() == 4, "augment", "images (N,H,W,C) expected");
  Array images = batch.xs[0].value();
  batch.xs[0] = Tensor();  // who has a copy of the batch keeps it as it is, and nobody else copies
  const Index n = images.dim(0), h = images.dim(1), w = images.dim(2), c = images.dim(3);
  const Index size = h * w * c;
  const std::uint64_t key = random_->bits();
  Array scratch(images.shape());
  Scalar *pixels = images.data(), *aside = scratch.data();
  parallel_for(n, 16 * n * size, [&](Index i) {
    Draw draw(key, i);
    for (const Step& step : steps_) step({pixels + i * size, aside + i * size, h, w, c}, draw);
  });
  batch.xs[0] = Tensor(std::move(images));
  return batch;
}

}  // namespace kindling
