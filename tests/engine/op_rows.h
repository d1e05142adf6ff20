#pragma once

#include <string>
#include <vector>

#include "engine/ops/matmul.h"
#include "tests/engine/op_table.h"
#include "tests/engine/oracles.h"

/// Ways to write rows of the op table for ops that are alike. An op unlike all others needs none of
/// them: its row is an OpRow.
namespace kindling::test {

using Rows = std::vector<OpRow>;

Rows unary(const std::string& op, const std::string& variant, Tensor (*f)(const Tensor&),
           double (*oracle)(double), const Domain& domain = {});
Rows binary(const std::string& op, Tensor (*f)(const Tensor&, const Tensor&),
            double (*oracle)(double, double), const Domain& domain = {});

/// A reduction over all axes, the last, the first, and two with another between them. `few`: it is
/// defined, and smooth, for a single element too.
Rows reduction(const std::string& op, const std::string& variant,
               const std::function<Tensor(const Tensor&, const Axes&, bool)>& f,
               const Reducer& oracle, bool few, const Domain& domain = {});

Rows reshaping();
Rows permuting();
OpRow slicing(const std::string& variant, int axis, Index begin, Index end,
              std::vector<Shapes> cases, std::vector<Shapes> bad, Shapes big = {});
OpRow joining(const std::string& variant, int axis, std::vector<Shapes> cases,
              std::vector<Shapes> bad, Shapes big = {});
/// x[index] with an index of the given shape.
OpRow gathering(const std::string& variant, const Shape& shape, const std::vector<int>& index,
                std::vector<Shapes> cases, std::vector<Shapes> bad, Shapes big = {});
OpRow product(const std::string& variant, Trans trans);

/// Cases are {x, weight} or {x, weight, bias}.
OpRow convolution(const std::string& variant, Pair stride, Pair padding, std::vector<Shapes> cases,
                  Shapes big = {});
OpRow max_pooling(const std::string& variant, const PoolSettings& settings,
                  std::vector<Shapes> cases, Shapes big = {});
OpRow avg_pooling(const std::string& variant, const PoolSettings& settings,
                  std::vector<Shapes> cases, Shapes big = {});
/// Batch norm in training and in evaluation; cases are {x, weight, bias}.
Rows normalization();
OpRow classification(const std::string& variant, double smoothing);

}  // namespace kindling::test
