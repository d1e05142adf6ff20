// The gradient of a two-layer network: by hand, by the tape, and measured.

#include <Eigen/Dense>
#include <cmath>
#include <string>
#include <vector>

#include "data/data_loader.h"
#include "engine/error.h"
#include "engine/ops/loss.h"
#include "learner/examples/example.h"
#include "nn/models.h"

using namespace kindling;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

Matrix matrix(const Array& x) {
  const Index columns = x.dim(-1), rows = x.size() / columns;
  const std::vector<double> numbers(x.values().begin(), x.values().end());
  return Eigen::Map<const Matrix>(numbers.data(), rows, columns);
}

/// scores = max(x W1 + b1, 0) W2 + b2;  loss = mean of -log softmax(scores)[label]
struct TwoLayers {
  Matrix x;         // (N, in)
  Matrix onehot;    // (N, classes): 1 at the label
  Matrix p[4];      // W1 (in, hidden), b1 (1, hidden), W2 (hidden, classes), b2 (1, classes)
  Matrix h, probs;  // what backward needs of forward

  double forward() {
    h = ((x * p[0]).rowwise() + p[1].row(0)).cwiseMax(0);
    const Matrix scores = (h * p[2]).rowwise() + p[3].row(0);
    probs = (scores.colwise() - scores.rowwise().maxCoeff()).array().exp();
    probs.array().colwise() /= probs.rowwise().sum().array().eval();
    return -(probs.array().log() * onehot.array()).sum() / x.rows();
  }

  /// From the loss back to what went in, a line for a line of forward(): dX is d loss / d X.
  std::vector<Matrix> backward() const {
    const Matrix dscores = (probs - onehot) / x.rows();
    const Matrix dw2 = h.transpose() * dscores;  // scores = h W2 + b2
    const Matrix db2 = dscores.colwise().sum();
    const Matrix dh = dscores * p[2].transpose();
    const Matrix dsum = (h.array() > 0).select(dh, 0);  // h = max(x W1 + b1, 0)
    const Matrix dw1 = x.transpose() * dsum;
    const Matrix db1 = dsum.colwise().sum();
    return {dw1, db1, dw2, db2};
  }

  /// (loss(p + e) - loss(p - e)) / 2e
  double slope(double& number) {
    constexpr double kStep = 1e-6;
    const double there = number;
    number = there + kStep;
    const double above = forward();
    number = there - kStep;
    const double below = forward();
    number = there;
    return (above - below) / (2 * kStep);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run_example("02_gradient_by_hand", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist();
    const Index rows = brief ? 8 : 64;
    const Batch batch = *DataLoader(data.train, rows).begin();
    const auto model = nn::mlp(28 * 28, 50, 10);
    const std::vector<Tensor> parameters = model->parameters();

    TwoLayers net;
    net.x = matrix(batch.xs[0].value().reshape({rows, 28 * 28}));
    net.onehot = Matrix::Zero(rows, 10);
    for (Index i = 0; i < rows; ++i) net.onehot(i, batch.labels()[i]) = 1;
    for (int i = 0; i < 4; ++i) net.p[i] = matrix(parameters[i].value());

    // By hand.
    const double loss = net.forward();
    const std::vector<Matrix> by_hand = net.backward();
    // By the tape: the ops write it as they compute, backward() reads it from the end.
    const Tensor by_tape = cross_entropy((*model)(batch.xs[0]), batch.labels());
    by_tape.backward();
    std::printf("loss by hand %.7f, by the tape %.7f\n\n", loss, by_tape.item());

    std::printf("%-4s %9s %14s %20s %20s\n", "", "numbers", "largest |d|", "tape - hand, most",
                "measured - hand, most");
    double worst_tape = 0, worst_slope = 0;
    const char* const names[] = {"W1", "b1", "W2", "b2"};
    for (int i = 0; i < 4; ++i) {
      const Matrix& d = by_hand[i];
      const double largest = d.cwiseAbs().maxCoeff();
      const double tape = (matrix(parameters[i].grad()) - d).cwiseAbs().maxCoeff();
      double measured = 0;  // at ten places, spread over the matrix
      for (Index k = 0; k < 10; ++k) {
        const Index at = k * (d.size() - 1) / 9;
        measured = std::max(measured, std::abs(net.slope(net.p[i].data()[at]) - d.data()[at]));
      }
      std::printf("%-4s %9ld %14.5f %20.1e %20.1e\n", names[i], static_cast<long>(d.size()),
                  largest, tape, measured);
      worst_tape = std::max(worst_tape, tape / largest);
      worst_slope = std::max(worst_slope, measured / largest);
    }
    check<Error>(worst_tape < 1e-4 && worst_slope < 1e-6, "gradient", "they disagree");
    std::printf("\nat most, beside the largest: tape %.0e, measured %.0e\n", worst_tape,
                worst_slope);
  });
}
