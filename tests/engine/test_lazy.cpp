#include "engine/lazy.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/parallel.h"
#include "tests/support/gradcheck.h"
#include "tests/support/plain.h"

// A batch norm, and what is added to it, are computed by the activation behind them, in its own
// pass. Whether somebody looks must not be told from any number.

namespace kindling::test {

namespace {

/// Counts how often it is computed.
struct Counted : Pending {
  explicit Counted(int& count) : Pending(Shape{2}), times(count) {}
  Array compute() override {
    ++times;
    return Array({2}, {1, 2});
  }
  int& times;
};

enum class Act { relu, leaky, general, clipped };
Tensor act(Act which, const Tensor& x) {
  switch (which) {
    case Act::relu:
      return relu(x);
    case Act::leaky:
      return leaky_relu(x, 0.1);
    case Act::general:
      return general_relu(x, 0.1, 0.4);
    default:
      return general_relu(x, 0.2, 0.1, 0.5);
  }
}
constexpr Act kActs[] = {Act::relu, Act::leaky, Act::general, Act::clipped};

/// What comes between batch norm and activation.
enum class Between { nothing, residual, residual_in_front, constant, itself };
constexpr Between kBetween[] = {Between::nothing, Between::residual, Between::residual_in_front,
                                Between::constant, Between::itself};

using Look = std::function<void(const Tensor&)>;

/// act(batch_norm(x, w, b) [+ r]); look sees both intermediate results before they are used.
Tensor block(const Tensors& t, Act which, Between between, bool training, const Look& look) {
  const Shape channels = t[1].shape();
  const Moments running{Array(channels, Scalar{0.25}), Array(channels, Scalar{1.5})};
  Tensor y = training ? batch_norm(t[0], t[1], t[2]) : batch_norm_eval(t[0], t[1], t[2], running);
  look(y);
  switch (between) {
    case Between::nothing:
      return act(which, y);
    case Between::residual:
      y = y + t[3];
      break;
    case Between::residual_in_front:
      y = t[3] + y;
      break;
    case Between::constant:
      y = y + t[3].detach();
      break;
    case Between::itself:
      y = y + y;
  }
  look(y);
  return act(which, y);
}

std::vector<Array> some_inputs(const Shape& x) {
  Random random(91);
  const Shape channels{x[-1]};
  return {random.normal(x, 0.5, 2), random.normal(channels, 1, 0.5), random.normal(channels),
          random.normal(x)};
}

/// The output and every gradient.
std::vector<Array> everything(const TensorFn& f, const std::vector<Array>& inputs) {
  const Tensors x = leaves(inputs);
  const Tensor y = f(x);
  y.backward(Random(17).normal(y.shape()));
  std::vector<Array> result{y.value()};
  for (const Tensor& tensor : x) result.push_back(tensor.grad());
  return result;
}

template <class Visit>
void each_block(const Visit& visit) {
  for (const Act which : kActs)
    for (const Between between : kBetween)
      for (const bool training : {true, false}) {
        CAPTURE(static_cast<int>(which));
        CAPTURE(static_cast<int>(between));
        CAPTURE(training);
        visit(which, between, training);
      }
}

const Look kDoNot = [](const Tensor&) {};

}  // namespace

TEST_CASE("a Lazy is computed once, when somebody looks, and copies share the work") {
  int times = 0;
  const Lazy lazy = std::make_shared<Counted>(times), copy = lazy;
  CHECK(lazy.defined());
  CHECK(lazy.shape() == Shape{2});
  CHECK(lazy.pending<Counted>() != nullptr);
  CHECK(times == 0);
  CHECK(same_bits(copy.get(), Array({2}, {1, 2})));
  CHECK(lazy.pending<Counted>() == nullptr);
  CHECK(same_bits(lazy, copy));
  CHECK(times == 1);
  CHECK_FALSE(Lazy().defined());
  CHECK(Lazy(Array({3}, Scalar{1})).pending<Counted>() == nullptr);
}

TEST_CASE("an Array taken out of a Lazy nobody else holds is its only holder") {
  int times = 0;
  Lazy lazy = std::make_shared<Counted>(times);
  const Array array = std::move(lazy);
  CHECK(array.unique());
}

TEST_CASE("looking at a batch norm and at the sum behind it changes no bit of anything") {
  for (const Shape& shape :
       {Shape{50, 8}, Shape{9, 7, 7, 10}, Shape{3, 33}, Shape{41, 28, 28, 3}}) {
    const std::vector<Array> inputs = some_inputs(shape);
    each_block([&](Act which, Between between, bool training) {
      const auto with = [&](const Look& look) {
        return everything(
            [&](const Tensors& t) { return block(t, which, between, training, look); }, inputs);
      };
      const std::vector<Array> fused = with(kDoNot);
      std::vector<HookHandle> handles;
      const std::vector<Look> looks{
          [](const Tensor& y) { y.value(); },
          [&](const Tensor& y) {
            handles.push_back(y.register_hook([](const Array&) { return Array(); }));
          },
          [](const Tensor& y) { Tensor(y).retain_grad(); },
      };
      for (std::size_t look = 0; look < looks.size(); ++look) {
        CAPTURE(look);
        const std::vector<Array> apart = with(looks[look]);
        for (std::size_t i = 0; i < fused.size(); ++i) CHECK(same_bits(fused[i], apart[i]));
      }
    });
  }
}

TEST_CASE("fused results are the same bits for any number of threads") {
  const std::vector<Array> inputs = some_inputs({40, 28, 28, 3});
  const int before = max_threads();
  each_block([&](Act which, Between between, bool training) {
    std::vector<Array> reference;
    for (const int threads : {1, 2, 5}) {
      set_threads(threads);
      const auto results = everything(
          [&](const Tensors& t) { return block(t, which, between, training, kDoNot); }, inputs);
      if (reference.empty()) reference = results;
      for (std::size_t i = 0; i < results.size(); ++i) CHECK(same_bits(results[i], reference[i]));
    }
  });
  set_threads(before);
}

TEST_CASE("gradient hooks between batch norm and activation see and change the gradient") {
  const std::vector<Array> inputs = some_inputs({20, 4});
  const Tensors t = leaves(inputs);
  const Tensor norm = batch_norm(t[0], t[1], t[2]), y = general_relu(norm, 0.1, 0.4);
  // Asked for after the activation has been computed, as after a whole forward pass.
  Array seen;
  const auto hook = norm.register_hook([&](const Array& dz) {
    seen = dz;
    return Array(dz.shape(), Scalar{0});
  });
  Tensor(norm).retain_grad();
  const Array dy = Random(3).normal(y.shape());
  y.backward(dy);
  for (Index i = 0; i < dy.size(); ++i)
    CHECK(seen[i] == (norm.value()[i] > 0 ? dy[i] : Scalar{0.1} * dy[i]));
  CHECK(same_bits(norm.grad(), Array(dy.shape(), Scalar{0})));
  CHECK(same_bits(t[2].grad(), Array({4}, Scalar{0})));
}

TEST_CASE("a cotangent that somebody holds is not written over") {
  const std::vector<Array> inputs = some_inputs({30, 6});
  for (const Between between : kBetween) {
    const Tensors t = leaves(inputs);
    const Tensor y = block(t, Act::general, between, true, kDoNot);
    const Array dy = Random(3).normal(y.shape());
    const Plain before = to_plain(dy);
    y.backward(dy, true);
    const Array first = t[0].grad();
    CHECK(difference(dy, before, 0) == "");
    t[0].node()->grad = Array();
    y.backward(dy);  // the graph was retained: the second pass finds it as it was
    CHECK(same_bits(t[0].grad(), first));
  }
}

#ifdef KINDLING_DOUBLE
TEST_CASE("fused gradients agree with central differences") {
  each_block([](Act which, Between between, bool training) {
    for (const Shape& shape : {Shape{4, 3}, Shape{2, 2, 3, 5}}) {
      const TensorFn f = [&](const Tensors& t) {
        return block(t, which, between, training, kDoNot);
      };
      std::vector<Array> inputs = some_inputs(shape);
      if (between != Between::residual && between != Between::residual_in_front) {
        const Array constant = inputs[3];
        inputs.pop_back();
        const TensorFn without = [&, constant](const Tensors& t) {
          return f({t[0], t[1], t[2], Tensor(constant)});
        };
        CHECK(gradcheck("batch norm, activation", without, inputs) == "");
      } else {
        CHECK(gradcheck("batch norm, sum, activation", f, inputs) == "");
      }
    }
  });
}

TEST_CASE("an intermediate result that the loss uses too gets the sum of both gradients") {
  for (const bool late : {true, false})
    for (const Between between : kBetween) {
      if (between == Between::constant) continue;  // central differences would not know
      const TensorFn f = [&](const Tensors& t) {
        std::vector<Tensor> kept;
        const Tensor y = block(t, Act::general, between, true, [&](const Tensor& z) {
          kept.push_back(z);
          if (!late) z.value();
        });
        Tensor loss = y * y;
        for (const Tensor& z : kept) loss = loss + z * 0.5;
        return loss + t[3];
      };
      CHECK(gradcheck("used twice", f, some_inputs({4, 3})) == "");
    }
}

TEST_CASE("two activations behind one batch norm, and two residual blocks on one input") {
  const TensorFn two = [](const Tensors& t) {
    const Tensor z = batch_norm(t[0], t[1], t[2]);
    return relu(z) * general_relu(z, 0.1, 0.4) + relu(z + t[3]) + leaky_relu(t[3] + z, 0.2);
  };
  CHECK(gradcheck("two behind one", two, some_inputs({5, 3})) == "");
  const TensorFn chain = [](const Tensors& t) {
    const Tensor first = general_relu(batch_norm(t[0], t[1], t[2]) + t[0], 0.1, 0.4);
    const Tensor second = relu(batch_norm(first, t[1], t[2]) + first);
    return second + batch_norm(second, t[2], t[1]) + t[3];
  };
  CHECK(gradcheck("chain", chain, some_inputs({6, 3})) == "");
}
#endif

TEST_CASE("a sum that broadcasts, or of two batch norms, is the plain sum") {
  const std::vector<Array> inputs = some_inputs({6, 4});
  const Tensors t = leaves(inputs);
  const auto norm = [&] { return batch_norm(t[0], t[1], t[2]); };
  const auto looked = [&] {
    const Tensor z = norm();
    z.value();
    return z;
  };
  CHECK(same_bits((norm() + t[2]).value(), (looked() + t[2]).value()));
  CHECK(same_bits((norm() + norm()).value(), (looked() + looked()).value()));
  CHECK(same_bits((norm() + t[3] + norm()).value(), (looked() + t[3] + looked()).value()));
  const Tensor z = norm();
  CHECK(same_bits((z + z).value(), (looked() * 2).value()));
}

}  // namespace kindling::test
