#pragma once

#include <string>
#include <vector>

#include "bench/harness.h"
#include "engine/kernels/conv2d.h"
#include "engine/kernels/gemm.h"
#include "nn/layers.h"

/// What is computed, in the terms that kindling and its peers share.
namespace kindling::bench {

using kernels::Trans;

/// c (n,m) = a b, where a is (n,k) or, read transposed, (k,n), and b (k,m) or (m,k).
struct Matmul {
  Index n, k, m;
  Trans trans;
  Array a, b;
  bool left() const { return trans == Trans::left || trans == Trans::both; }
  bool right() const { return trans == Trans::right || trans == Trans::both; }
};

/// One convolution of a model: its shape alone.
struct ConvLayer {
  Index size, in, out, kernel, stride;
  std::string models = {};  ///< Which have it, with commas between.
  bool operator==(const ConvLayer& o) const {
    return size == o.size && in == o.in && out == o.out && kernel == o.kernel && stride == o.stride;
  }
  Index out_size() const { return (size + 2 * (kernel / 2) - kernel) / stride + 1; }
  /// Multiplications and additions of an image, forward; dx and dw take as many. Those with the
  /// zeros around it do not count: nobody has to do them.
  double flops() const;
};

/// The convolutions of the course's models on 28 x 28 grey images, in order.
std::vector<ConvLayer> conv_layers(const std::string& model);
/// Arithmetic of a whole training step: three products a layer, two in the first.
double step_flops(const std::string& model, Index batch);

enum class Pass { forward, dx, dw };

/// The arrays of a convolution: x (N,H,W,C), w (KH,KW,C,M), dy (N,OH,OW,M).
struct Conv {
  ConvLayer layer;
  Index batch;
  kernels::Window window;
  Array x, w, dy;
};

/// A training step: forward, cross-entropy, backward, optimizer, gradients dropped. conv10 trains
/// with SGD, the others with AdamW.
struct Step {
  std::string model;
  Index batch;
  bool stats;  ///< Mean, deviation and histogram of every convolution's output on the way.
  Array x;     ///< (N,28,28,1)
  IntArray labels;
  std::vector<Array> weights;  ///< To begin with, in the order of the model's parameters.
  double lr() const { return model == "conv10" ? 0.01 : 0.001; }
};

std::unique_ptr<nn::Module> make_model(const std::string& name);
/// Random images and labels, and the weights of a fresh model.
Step make_step(const std::string& model, Index batch, bool stats);

/// Two steps and what the loss was before each: (2). The second depends on every gradient.
Contender our_step(const Step& step);
/// The slope of the loss along its own gradient g is |g|^2: central differences against backward.
/// Throws Error when they disagree.
void check_gradient(const Step& step);

/// Registers the cases of a file bench_<stem>.cpp.
void matmul_cases(Cases& cases);
void conv_cases(Cases& cases, bool full);
void elementwise_cases(Cases& cases);
void reduce_cases(Cases& cases);
void norm_cases(Cases& cases);
void layout_cases(Cases& cases);
void loss_cases(Cases& cases);
void pool_cases(Cases& cases);
void update_cases(Cases& cases);
void step_cases(Cases& cases);
void peak_cases(Cases& cases, int threads);

/// What --memory-of runs, in a process of its own: peak memory of training steps in MiB, above what
/// the process held before. Throws Error for a name that is none.
double memory_of(const std::string& model, Index batch, const std::string& contender);

}  // namespace kindling::bench
