#pragma once

#include <limits>

#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "nn/module.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

/// One module after the other, named "0", "1", ...
///
///     Sequential model{make<Flatten>(), make<Linear>(784, 50), make<ReLU>()};
///
/// In braces the layers are made, and their weights drawn, in this order; what stands in
/// parentheses is made in an order of the compiler's.
class Sequential : public Module {
 public:
  Sequential() = default;
  /// Owns the modules. Throws Error when one is null.
  template <class... Modules>
  explicit Sequential(std::unique_ptr<Module> first, Modules... rest) {
    add(std::move(first));
    (add(std::move(rest)), ...);
  }

  /// Puts a module behind the others, owns it and returns it. Throws Error when it is null.
  Module& add(std::unique_ptr<Module> module);
  /// Its own layers, not those within them.
  Index size() const { return static_cast<Index>(layers_.size()); }
  /// Throws Error when there is no such layer.
  Module& operator[](Index i) const;

  std::string type() const override { return "Sequential"; }

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  std::vector<Module*> layers_;
};

/// y = x W + b: (..., in) -> (..., out). Parameters: weight (in, out), bias (out),
/// both uniform within 1 / sqrt(in), PyTorch's initialization.
class Linear : public Module {
 public:
  /// Draws from default_random(). Throws ShapeError when in or out is below 1.
  Linear(Index in, Index out, bool bias = true);
  Tensor weight;  ///< (in, out). A handle: changed by set_value(), not by assigning another tensor.
  Tensor bias;    ///< (out); undefined when there is none.

  std::string type() const override { return "Linear"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;
};

/// Convolution of images: (N,H,W,in) -> (N,OH,OW,out). Parameters: weight (KH,KW,in,out), bias
/// (out), both uniform within 1 / sqrt(KH KW in), PyTorch's initialization.
class Conv2d : public Module {
 public:
  /// in and out are channels; the padding is of zeros, on every side. Draws from default_random().
  /// Throws ShapeError for a negative padding, and for anything else that is below 1.
  Conv2d(Index in, Index out, Pair kernel, Pair stride = 1, Pair padding = 0, bool bias = true);
  Tensor weight;  ///< (KH,KW,in,out). A handle, as that of Linear.
  Tensor bias;    ///< (out); undefined when there is none.

  std::string type() const override { return "Conv2d"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  Pair stride_, padding_;
};

/// What a layer's inputs are multiplied with, and what is added then: handles on its parameters.
struct Weights {
  Tensor weight;     ///< (..., in, out); undefined in a layer without.
  Tensor bias = {};  ///< (out); undefined when there is none.
};
/// Those of a Linear or Conv2d, undefined ones of any other module: for whatever initializes,
/// measures or counts weights.
Weights weights_of(const Module& module);

/// max(x, 0).
class ReLU : public Module {
 public:
  std::string type() const override { return "ReLU"; }

 protected:
  Tensor forward(const Tensor& x) override;
};

/// The course's activation: x where x > 0, leak * x elsewhere; then less sub, and at most max.
class GeneralRelu : public Module {
 public:
  /// Throws Error unless leak >= 0.
  explicit GeneralRelu(Scalar leak = 0, Scalar sub = 0,
                       Scalar max = std::numeric_limits<Scalar>::infinity());
  /// As given to the constructor.
  /// @{
  Scalar leak() const { return leak_; }
  Scalar sub() const { return sub_; }
  /// @}

  std::string type() const override { return "GeneralRelu"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  Scalar leak_, sub_, max_;
};

/// x sigmoid(x), of any shape (Elfwing et al., 2018).
class SiLU : public Module {
 public:
  std::string type() const override { return "SiLU"; }

 protected:
  Tensor forward(const Tensor& x) override { return silu(x); }
};

/// x times the probability that a normal number is below x, of any shape (Hendrycks and Gimpel,
/// 2016).
class GELU : public Module {
 public:
  std::string type() const override { return "GELU"; }

 protected:
  Tensor forward(const Tensor& x) override { return gelu(x); }
};

/// In training, every number is 0 with probability p and the others grow by 1 / (1 - p), so that
/// the mean stays; in evaluation, x as it is (Srivastava et al., 2014). Draws from
/// default_random().
class Dropout : public Module {
 public:
  /// Throws Error unless 0 <= p < 1.
  explicit Dropout(double p = 0.5);

  std::string type() const override { return "Dropout"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  double p_;
};

/// The same for whole channels of images (N,H,W,C): neighbours, which say much the same, stay or go
/// together (Tompson et al., 2015).
class Dropout2d : public Module {
 public:
  /// Throws Error unless 0 <= p < 1.
  explicit Dropout2d(double p = 0.5);

  std::string type() const override { return "Dropout2d"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  double p_;
};

/// A row of numbers for each of so many things: whole numbers (...) -> (..., features). They are
/// Scalars, as every number that goes into a module: a Tensor holds nothing else. Parameter:
/// weight (things, features), normal at first.
class Embedding : public Module {
 public:
  /// Draws from default_random(). Throws Error for less than one thing or feature, and for more
  /// things than Scalars can number: 2^24 in float.
  Embedding(Index things, Index features);
  Tensor weight;  ///< A row for each thing.

  std::string type() const override { return "Embedding"; }
  std::string extra() const override;

 protected:
  /// Throws Error for a number that is not one of 0 .. things - 1.
  Tensor forward(const Tensor& x) override;
};

/// x as it is.
class Identity : public Module {
 public:
  std::string type() const override { return "Identity"; }

 protected:
  Tensor forward(const Tensor& x) override { return x; }
};

/// All but the first axis made one. Images come out in the order (C, H, W), as they do in PyTorch,
/// so that a Linear trained behind it travels; that is free where H = W = 1.
class Flatten : public Module {
 public:
  std::string type() const override { return "Flatten"; }

 protected:
  Tensor forward(const Tensor& x) override;
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
