#pragma once

#include <vector>

#include "nn/optim.h"

namespace kindling::nn {

/// A matrix near the orthogonal one nearest to x (N, M): the same singular vectors, and all
/// singular values, which must not be tiny beside the largest, moved to about 1 (0.7 to 1.2 after
/// five iterations). Newton and Schulz's iteration with the coefficients of Jordan et al., "Muon",
/// 2024, which give up exactness for speed. A matrix of zeros stays one. Throws ShapeError for
/// anything but a matrix, Error for less than one iteration.
Array orthogonalize(const Array& x, int iterations = 5);

/// Settings of Muon.
struct MuonOptions {
  double momentum = 0.95;   ///< In [0, 1).
  bool nesterov = true;     ///< Orthogonalizes grad + momentum * v, and not v.
  double weight_decay = 0;  ///< Decoupled, as in AdamW; of everything.
  int iterations = 5;       ///< Of orthogonalize().
  /// For parameters with fewer axes than two: their rate as a share of the optimizer's, and their
  /// Adam.
  /// @{
  double vector_lr = 0.1;
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-10;
  /// @}
};

inline namespace KINDLING_PRECISION {

/// Muon (Jordan et al., 2024): a step changes a weight by the same amount in every direction, not
/// mostly in the few that the gradient is largest in. For weights (..., in, out), read as matrices
/// (fan in, out):
///
///     v = momentum * v + grad
///     u = orthogonalize(grad + momentum * v)      (without nesterov: v)
///     p = p * (1 - lr * weight_decay) - lr * sqrt(max(1, out / fan in)) * u
///
/// Parameters with fewer axes than two, biases and the scales of norms, are no matrices: AdamW
/// trains them.
class Muon : public AdamW {
 public:
  /// Throws Error for a setting that is negative or not a number, a momentum or beta of 1 or more,
  /// or less than one iteration.
  explicit Muon(Parameters parameters, double lr = 0.02, MuonOptions options = {});
  /// That of the matrices.
  void set_momentum(double momentum) override;

 protected:
  std::string type() const override { return "Muon"; }
  void own_state(Archive& archive) override;
  void update(std::span<const Trained> trained, const Step& step) override;

 private:
  MuonOptions options_;
  std::vector<Array> velocity_;
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
