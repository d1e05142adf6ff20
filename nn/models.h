#pragma once

#include <memory>
#include <vector>

#include "nn/layers.h"

namespace kindling::nn {

/// What conv() ends in; general_relu with kLeak and kSub.
enum class Activation { none, relu, general_relu };
/// What conv() puts between the convolution and the activation.
enum class Norm {
  none,
  batch,  ///< BatchNorm2d
  layer,  ///< over all pixels and channels of an image: GroupNorm of one group
};

/// The course's GeneralRelu: leak 0.1, and 0.4 less.
/// @{
inline constexpr Scalar kLeak = 0.1, kSub = 0.4;
/// @}

/// A Sequential of a convolution with padding kernel / 2, so that an odd kernel with stride 2
/// halves the image, a norm if wanted (the convolution keeps its bias all the same), and an
/// activation if wanted.
std::unique_ptr<Module> conv(Index in, Index out, Index kernel = 3, Index stride = 2,
                             Activation activation = Activation::relu, Norm norm = Norm::none);
/// The same with batch norm and GeneralRelu behind it.
std::unique_ptr<Module> conv_bn(Index in, Index out, Index kernel = 3, Index stride = 2,
                                Activation activation = Activation::general_relu);

inline namespace KINDLING_PRECISION {

/// act(convs(x) + idconv(pool(x))): two convolutions with batch norm, the second with the stride,
/// around which the input takes a short cut (He et al., "Deep residual learning", 2016). The short
/// cut is averaged where the stride is not 1, and a 1x1 convolution widens it where the widths
/// differ.
class ResBlock : public Module {
 public:
  /// in and out are channels. Throws ShapeError for a number below 1, and for an even kernel, with
  /// which the two ways would end in images of different sizes; a call throws it for an image
  /// smaller than the stride.
  ResBlock(Index in, Index out, Index stride = 1, Index kernel = 3);
  std::string type() const override { return "ResBlock"; }

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  Module *convs_, *idconv_, *pool_, *act_;
};

}  // namespace KINDLING_PRECISION

// The course's networks for 28 x 28 grey images: (N,28,28,1) -> (N,10). The numbers are those of
// its notebooks.

/// 10: five stride-2 convolutions, 1-8-16-32-64-10, kernels 5 then 3, ReLU between; 11: with
/// another activation, and norms in all but the last.
std::unique_ptr<Sequential> conv_net(Activation activation = Activation::relu,
                                     Norm norm = Norm::none);
/// 12: the same widths, kernels of 3, batch norm and GeneralRelu between.
std::unique_ptr<Sequential> conv_bn_net();

/// Settings of resnet().
struct ResNetOptions {
  /// The head sees the mean over all pixels. Otherwise the image must have shrunk to one.
  bool pooled = false;
  double dropout = 0;  ///< Of channels behind `first`, and of features before the head.
  Index classes = 10;  ///< How many scores an image gets.
};

/// `first`, then a ResBlock of stride 2 from each width to the next, then the head: a Linear
/// without bias and a BatchNorm1d. (N,H,W,C), as `first` takes them, -> (N, classes); an image that
/// is larger than a pixel before a head that is not `pooled` throws ShapeError there. Throws Error
/// for less than one width, and unless 0 <= dropout < 1.
std::unique_ptr<Sequential> resnet(std::unique_ptr<Module> first, const std::vector<Index>& widths,
                                   ResNetOptions options = {});
/// 13: a ResBlock of 8, then 16 .. 256; 1.23 million parameters.
std::unique_ptr<Sequential> small_resnet();
/// 14: a 5x5 convolution of 16, then 32 .. 256, and the mean over all pixels; "model4".
std::unique_ptr<Sequential> pooled_resnet(double dropout = 0);
/// 14: a ResBlock of 16 with kernel 5, then 32 .. 512.
std::unique_ptr<Sequential> wide_resnet();

// Ours, for the same images.

/// How a stage halves the image: its convolution skips every other pixel, which is cheap, or the
/// largest of four is taken behind it, which is better.
enum class Halving { stride, max_pool };

/// Settings of stages().
struct StagesOptions {
  Halving halving = Halving::stride;  ///< Of every stage that halves.
  Index kernel = 5;                   ///< Of the first convolution.
  Index classes = 10;                 ///< How many scores an image gets.
};

/// A stage for each width: a convolution, 3x3 in all but the first, batch norm and GeneralRelu;
/// every one halves the image, with max pooling all but the last. Then the mean over all pixels,
/// and the head of resnet(). stages({16, 32, 64, 128}) is the network of the recipe `quick`; 99,188
/// parameters. Throws Error for no width.
std::unique_ptr<Sequential> stages(const std::vector<Index>& widths, StagesOptions options = {});

/// A stage for each width, the first at the image's full size: a 3x3 convolution with batch norm
/// and GeneralRelu, in all but the first with max pooling behind it, which halves the image, and
/// then as many ResBlocks as `blocks` says of this stage. Then the mean over all pixels, and the
/// head of resnet(). residual_stages({24, 48, 96}, {1, 2, 2}) has 480,500 parameters: small details
/// of a picture are seen by several layers, where stages() has only one before it halves. Throws
/// Error for no width, unless there is a number of blocks for every width, and for a negative one.
std::unique_ptr<Sequential> residual_stages(const std::vector<Index>& widths,
                                            const std::vector<int>& blocks, Index classes = 10);

/// A dense network with one hidden layer: (N, ...) -> (N, out).
std::unique_ptr<Sequential> mlp(Index in, Index hidden, Index out);

/// Draws the weights of every Conv2d and Linear anew by kaiming_normal() for an activation of this
/// leak; biases stay as they are.
void kaiming_init(Module& model, Scalar leak = 0);

}  // namespace kindling::nn
