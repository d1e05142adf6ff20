#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/engine.h"
#include "engine/parallel.h"
#include "tests/engine/op_table.h"
#include "tests/support/errors.h"

// What every row of the op table buys. Nothing here knows a single op.

namespace kindling::test {

namespace {

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-12 : 2e-5;

/// Calls visit(row, inputs) for every case of every row.
template <class Visit>
void each_case(const Visit& visit) {
  Random random(31415);
  for (const OpRow& row : op_table())
    for (const Shapes& shapes : row.cases) {
      INFO(title(row), " on ", names(shapes));
      visit(row, draw(shapes, row.domain, random));
    }
}

Array some_cotangent(const OpRow& row, const std::vector<Array>& inputs) {
  Random random(161803);
  return random.uniform(row.f(leaves(inputs, false)).shape(), -1, 1);
}

}  // namespace

TEST_CASE("every op of the registry has a row, and every row names an op of the registry") {
  std::set<std::string> registered, in_table;
  for (const Op* op : op_registry()) {
    if (begins(op->name, "test_")) continue;  // made by a test
    INFO("two ops are called ", op->name);
    CHECK(registered.insert(op->name).second);
  }
  for (const OpRow& row : op_table()) in_table.insert(row.op);
  for (const auto& op : registered) CHECK_MESSAGE(in_table.contains(op), op, " has no row");
  for (const auto& op : in_table) CHECK_MESSAGE(registered.contains(op), op, " is no op");
}

TEST_CASE("every op is tested on five shapes or more, one of them empty, and on one big one") {
  std::map<std::string, std::set<std::string>> shapes;
  std::set<std::string> empty, big;
  for (const OpRow& row : op_table()) {
    for (const Shapes& one : row.cases) {
      shapes[row.op].insert(names(one));
      for (const Shape& shape : one)
        if (shape.size() == 0) empty.insert(row.op);
    }
    Index elements = 0;
    for (const Shape& shape : row.big) elements += shape.size();
    if (elements >= kGrain) big.insert(row.op);
  }
  for (const auto& entry : shapes) {
    const std::string& op = entry.first;
    CHECK_MESSAGE(entry.second.size() >= 5, op, " has only ", entry.second.size(), " shapes");
    CHECK_MESSAGE(empty.contains(op), op, " has no empty shape");
    CHECK_MESSAGE(big.contains(op), op, " has no big shape");
  }
}

TEST_CASE("forward agrees with the oracle") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const Tensor y = row.f(leaves(inputs));
    CHECK_EQ(difference(y.value(), row.oracle(to_plain(inputs)), kTolerance), "");
    CHECK(y.requires_grad());
    CHECK_EQ(std::string(y.op_name()), row.op);
  });
}

TEST_CASE("forward computes the same off the tape") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const Array on = row.f(leaves(inputs)).value();
    CHECK(same_bits(row.f(leaves(inputs, false)).value(), on));
    const NoGrad no_grad;
    const Tensor off = row.f(leaves(inputs));
    CHECK(same_bits(off.value(), on));
    CHECK_FALSE(off.requires_grad());
  });
}

TEST_CASE("no op changes its inputs") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const std::vector<Plain> before = to_plain(inputs);
    const Tensors x = leaves(inputs);
    gradients(row.f, x, some_cotangent(row, inputs));
    for (std::size_t i = 0; i < x.size(); ++i) CHECK_EQ(difference(x[i].value(), before[i], 0), "");
  });
}

TEST_CASE("no gradient depends on what the cotangent's buffer is used for afterwards") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const Tensors x = leaves(inputs);
    Array cotangent = some_cotangent(row, inputs);
    const auto grads = gradients(row.f, x, cotangent);
    const auto before = to_plain(grads);
    std::fill_n(cotangent.data(), cotangent.size(), Scalar{7});
    for (std::size_t i = 0; i < x.size(); ++i) CHECK_EQ(difference(x[i].grad(), before[i], 0), "");
  });
}

#ifdef KINDLING_DOUBLE
TEST_CASE("every gradient agrees with central differences") {
  int cases = 0;
  each_case([&](const OpRow& row, const std::vector<Array>& inputs) {
    CHECK_EQ(gradcheck(title(row), row.f, inputs), "");
    ++cases;
  });
  MESSAGE(cases << " gradient checks");
}

TEST_CASE("every gradient of a smooth op agrees with five-point differences to nine digits") {
  const std::set<std::string> with_kinks{"relu",  "leaky_relu", "general_relu",
                                         "clamp", "max",        "max_pool2d"};
  int cases = 0;
  each_case([&](const OpRow& row, const std::vector<Array>& inputs) {
    if (with_kinks.contains(row.op)) return;
    CHECK_EQ(gradcheck(title(row), row.f, inputs, Stencil::five_points), "");
    ++cases;
  });
  MESSAGE(cases << " five-point checks");
}

TEST_CASE("every gradient agrees with central differences in the middle of a graph") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const TensorFn in_the_middle = [&](const Tensors& leaves) {
      Tensors x;
      for (const Tensor& leaf : leaves) x.push_back(leaf * 1.25 - leaf * 0.25);
      const Tensor y = row.f(x);
      return y * y + y;
    };
    CHECK_EQ(gradcheck(title(row) + " mid-graph", in_the_middle, inputs), "");
  });
}
#endif

TEST_CASE("an op used twice gives twice the gradient") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const Array cotangent = some_cotangent(row, inputs);
    const auto once = gradients(row.f, leaves(inputs), cotangent);
    const TensorFn sum_of_two = [&](const Tensors& x) { return row.f(x) + row.f(x); };
    const auto twice = gradients(sum_of_two, leaves(inputs), cotangent);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Plain doubled = to_plain(once[i]);
      for (double& value : doubled.values) value *= 2;
      CHECK_EQ(difference(twice[i], doubled, 0), "");
    }
  });
}

TEST_CASE("two backward passes without clearing add up") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const Array cotangent = some_cotangent(row, inputs);
    const Tensors x = leaves(inputs);
    const auto once = to_plain(gradients(row.f, x, cotangent));
    gradients(row.f, x, cotangent);
    for (std::size_t i = 0; i < x.size(); ++i) {
      Plain doubled = once[i];
      for (double& value : doubled.values) value *= 2;
      CHECK_EQ(difference(x[i].grad(), doubled, 0), "");
    }
  });
}

TEST_CASE("one tensor in two places gets the sum of both gradients") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    if (inputs.size() != 2 || inputs[0].shape() != inputs[1].shape()) return;
    const std::vector<Array> equal{inputs[0], inputs[0]};
    const Array cotangent = some_cotangent(row, equal);
    const auto apart = gradients(row.f, leaves(equal), cotangent);
    Plain sum = to_plain(apart[0]);
    for (Index i = 0; i < sum.shape.size(); ++i)
      sum.values[static_cast<std::size_t>(i)] += apart[1][i];
    const Tensor x(inputs[0], true);
    CHECK_EQ(difference(gradients(row.f, {x, x}, cotangent)[0], sum, kTolerance), "");
  });
}

TEST_CASE("a gradient nobody asked for is not there, and the others do not change") {
  each_case([](const OpRow& row, const std::vector<Array>& inputs) {
    const Array cotangent = some_cotangent(row, inputs);
    const auto all = gradients(row.f, leaves(inputs), cotangent);
    for (unsigned wanted = 1; wanted + 1 < 1u << inputs.size(); ++wanted) {
      CAPTURE(wanted);
      Tensors x = leaves(inputs, false);
      for (std::size_t i = 0; i < x.size(); ++i) x[i].set_requires_grad(wanted >> i & 1);
      const auto some = gradients(row.f, x, cotangent);
      for (std::size_t i = 0; i < x.size(); ++i)
        CHECK(same_bits(some[i], wanted >> i & 1 ? all[i] : Array()));
    }
  });
}

TEST_CASE("bad shapes are a ShapeError that begins with the op's name and shows a shape") {
  int cases = 0;
  for (const OpRow& row : op_table())
    for (const Shapes& shapes : row.bad) {
      INFO(title(row), " on ", names(shapes));
      std::vector<Array> inputs;
      for (const Shape& shape : shapes) inputs.emplace_back(shape, Scalar{1});
      const std::string message = message_of<ShapeError>([&] { row.f(leaves(inputs)); });
      CHECK_EQ(message.substr(0, row.op.size() + 2), "[" + row.op + "]");
      const bool shows_a_shape =
          shapes.empty() || std::any_of(shapes.begin(), shapes.end(), [&](const Shape& shape) {
            return contains(message, shape.to_string());
          });
      CHECK_MESSAGE(shows_a_shape, message);
      CHECK_FALSE(contains(message, "\n"));
      ++cases;
    }
  MESSAGE(cases << " refusals");
}

}  // namespace kindling::test
