#pragma once

#include <functional>
#include <vector>

#include "data/dataset.h"
#include "engine/random.h"

namespace kindling {

/// Changes the images of a batch at random, each in its own way, in parallel: the bits depend on
/// the stream of random numbers and on nothing else. Each batch takes one number from the stream.
///
///     Augment augment;
///     augment.random_crop(2).horizontal_flip().random_erase();
///     BatchTransformCB on_train(augment, true, false);
///
/// Steps are done in the order in which they were added. Labels stay as they are, and so does the
/// batch that it is given. `fill` is a value of the batch: of normalised pixels 0 is the mean, and
/// black is (0 - mean) / std. Steps throw Error for settings outside of what they say.
class Augment {
 public:
  /// `random` must outlive it; no checkpoint has a stream of one's own.
  explicit Augment(Random& random = default_random()) : random_(&random) {}

  /// Moves the image by up to `padding` pixels along each axis; what moves in is `fill`: a crop of
  /// the padded image.
  Augment& random_crop(Index padding, Scalar fill = 0);
  /// Mirrors left and right.
  Augment& horizontal_flip(double p = 0.5);
  /// Up to `most` times fills a part of the image, `share` of its height by `share` of its width,
  /// with normal noise of the image's own mean and deviation, within its smallest and largest value
  /// (Zhong et al., "Random erasing", 2020; the course's RandErase, which draws once for a whole
  /// batch).
  Augment& random_erase(double share = 0.2, int most = 4);
  /// Up to `most` times copies such a part of the image to another place (the course's RandCopy).
  Augment& random_copy(double share = 0.2, int most = 4);
  /// Rotates by up to `degrees`, scales by up to a share `zoom` and shifts by up to a share `shift`
  /// of the size, about the middle; between four pixels values are bilinear, outside is `fill`.
  /// `degrees` in [0, 180], `zoom` in [0, 1), `shift` in [0, 1].
  Augment& affine(double degrees, double zoom = 0, double shift = 0, Scalar fill = 0);

  /// The batch with other images: xs[0] (N,H,W,C). Throws ShapeError for anything else.
  Batch operator()(Batch batch) const;

  /// An image (H, W, C), features last, and memory for another of its size.
  struct Image {
    /// h * w * c numbers each. The step leaves its image in pixels; what is in scratch, before and
    /// afterwards, does not count.
    /// @{
    Scalar *pixels, *scratch;
    /// @}
    /// Height, width and channels.
    /// @{
    Index h, w, c;
    /// @}
    /// The c numbers of a pixel. Whether it lies in the image is not checked.
    Scalar* at(Index y, Index x) const { return pixels + (y * w + x) * c; }
  };
  /// A step of one's own.
  using Step = std::function<void(const Image&, Draw&)>;
  /// Puts it behind the others. Several threads call it at once, for different images: it must
  /// change nothing but its image, draw from nothing but its Draw, and not throw. Throws Error for
  /// an empty function.
  Augment& add(Step step);

 private:
  Random* random_;
  std::vector<Step> steps_;
};

}  // namespace kindling
