#include "tests/engine/op_rows.h"

#include <algorithm>
#include <numeric>

#include "engine/engine.h"

namespace kindling::test {

namespace {

using Plains = std::vector<Plain>;

/// A label for each row: there is one even where the scores are of no use.
std::vector<int> labels(const Shape& scores) {
  std::vector<int> result;
  const Index rows = scores.rank() > 0 ? scores[0] : 1, classes = scores.rank() > 1 ? scores[1] : 1;
  for (Index i = 0; i < rows; ++i)
    result.push_back(static_cast<int>((7 * i + 1) % std::max<Index>(classes, 1)));
  return result;
}

}  // namespace

Rows unary(const std::string& op, const std::string& variant, Tensor (*f)(const Tensor&),
           double (*oracle)(double), const Domain& domain) {
  return {{op,
           variant,
           [f](const Tensors& t) { return f(t[0]); },
           [oracle](const Plains& p) {
             return build(p[0].shape, [&](const Position& at) { return oracle(p[0].at(at)); });
           },
           {{{}}, {{1}}, {{7}}, {{3, 5}}, {{2, 3, 1, 5}}, {{33}}, {{0}}, {{3, 0, 2}}},
           domain,
           {},
           {{200, 301}}}};
}

Rows binary(const std::string& op, Tensor (*f)(const Tensor&, const Tensor&),
            double (*oracle)(double, double), const Domain& domain) {
  return {{op,
           "",
           [f](const Tensors& t) { return f(t[0], t[1]); },
           [oracle](const Plains& p) { return broadcast_oracle(oracle, p[0], p[1]); },
           {{{}, {}},
            {{3, 5}, {3, 5}},
            {{3, 5}, {}},
            {{}, {3, 5}},
            {{3, 1}, {1, 5}},
            {{5}, {2, 3, 5}},
            {{2, 3, 5}, {3, 1}},
            {{1}, {4}},
            {{3, 1, 5}, {1, 7, 1}},
            {{2, 1, 3, 1}, {3, 1, 5}},
            {{33}, {33}},
            {{0, 3}, {1, 3}},
            {{1}, {2, 0}}},
           domain,
           {{{3}, {4}},
            {{2, 3}, {3, 2}},
            {{3, 0}, {3, 2}},
            {
                {2, 3, 4},
                {2, 1},
            }},
           {{200, 1, 301}, {2, 301}}}};
}

Rows reduction(const std::string& op, const std::string& variant,
               const std::function<Tensor(const Tensor&, const Axes&, bool)>& f,
               const Reducer& oracle, bool few, const Domain& domain) {
  Rows rows;
  const auto row = [&](const std::string& which, const Axes& axes, bool keepdim,
                       std::vector<Shapes> cases, std::vector<Shapes> bad, Shapes big) {
    rows.push_back({op, variant + which, [=](const Tensors& t) { return f(t[0], axes, keepdim); },
                    [=](const Plains& p) { return reduce_oracle(oracle, p[0], axes, keepdim); },
                    std::move(cases), domain, std::move(bad), std::move(big)});
  };
  std::vector<Shapes> small{{{7}}, {{3, 5}}, {{2, 3, 5}}, {{1, 33}}};
  if (few) small.insert(small.end(), {{{}}, {{1}}, {{1, 1}}});
  row("all axes", {}, false, small, {}, {{100, 401}});
  row("last axis", {-1}, false, {{{5}}, {{3, 7}}, {{2, 1, 5}}, {{0, 3}}}, {{{}}}, {{100, 401}});
  row("first axis, keepdim", {0}, true, {{{5}}, {{3, 7}}, {{5, 1, 2}}, {{3, 0}}}, {{{}}},
      {{1003, 41}});
  row("axes 0 and 2", {2, 0}, false, {{{3, 5, 7}}, {{2, 1, 3}}, {{2, 3, 5, 2}}, {{3, 0, 2}}},
      {{{3, 5}}}, {{100, 3, 207}});
  row("axes 1 and 3, keepdim", {1, -1}, true, {{{3, 5, 1, 2}}, {{2, 3, 5, 1}}, {{0, 2, 0, 3}}},
      {{{3}}}, {{10, 101, 3, 27}});
  return rows;
}

Rows reshaping() {
  const auto same = [](const std::function<Shape(const Shape&)>& to) {
    return [to](const Plains& p) { return Plain{to(p[0].shape), p[0].values}; };
  };
  return {{"reshape",
           "to one axis",
           [](const Tensors& t) { return reshape(t[0], {-1}); },
           same([](const Shape& s) { return Shape{s.size()}; }),
           {{{}}, {{1}}, {{7}}, {{3, 5}}, {{2, 1, 5}}, {{0, 3}}},
           {},
           {},
           {{200, 301}}},
          {"reshape",
           "to three rows",
           [](const Tensors& t) {
             return reshape(t[0], {3, -1});
           },
           same([](const Shape& s) {
             return Shape{3, s.size() / 3};
           }),
           {{{3}}, {{5, 3}}, {{2, 3, 5}}, {{6, 0}}},
           {},
           {{{4}}, {{2, 5}}, {{}}},
           {}},
          {"reshape",
           "to a scalar",
           [](const Tensors& t) { return reshape(t[0], Shape{}); },
           same([](const Shape&) { return Shape{}; }),
           {{{1}}, {{}}, {{1, 1, 1}}},
           {},
           {{{2}}, {{0}}},
           {}}};
}

Rows permuting() {
  const auto moved = [](const std::function<Axes(int)>& order) {
    return [order](const Plains& p) {
      const Axes axes = order(p[0].shape.rank());
      std::vector<Index> dims;
      for (const int axis : axes) dims.push_back(p[0].shape[axis]);
      return build(Shape(std::span<const Index>(dims)), [&](const Position& to) {
        Position from(to.size());
        for (std::size_t i = 0; i < to.size(); ++i) from[static_cast<std::size_t>(axes[i])] = to[i];
        return p[0].at(from);
      });
    };
  };
  const auto reversed = [](int rank) {
    Axes axes;
    while (rank-- > 0) axes.push_back(rank);
    return axes;
  };
  return {{"permute",
           "2 0 1",
           [](const Tensors& t) {
             return permute(t[0], {-1, 0, 1});
           },
           moved([](int) {
             return Axes{2, 0, 1};
           }),
           {{{2, 3, 5}}, {{1, 1, 1}}, {{3, 1, 2}}, {{5, 7, 1}}, {{0, 3, 2}}, {{3, 2, 0}}},
           {},
           {{{}}, {{2, 3}}, {{2, 3, 4, 5}}},
           {{40, 31, 33}}},
          {"permute",
           "reversed",
           [=](const Tensors& t) { return permute(t[0], reversed(t[0].rank())); },
           moved(reversed),
           {{{}}, {{5}}, {{3, 5}}, {{2, 1, 3, 2}}, {{2, 0}}},
           {},
           {},
           {{301, 200}}},
          {"permute",
           "as transpose",
           [](const Tensors& t) { return transpose(t[0]); },
           moved([](int rank) {
             Axes axes(static_cast<std::size_t>(rank));
             std::iota(axes.begin(), axes.end(), 0);
             std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
             return axes;
           }),
           {{{3, 5}}, {{2, 3, 5}}, {{1, 1}}, {{33, 17}}, {{2, 1, 5, 3}}, {{0, 3}}},
           {},
           {},
           {{3, 301, 140}}}};
}

OpRow slicing(const std::string& variant, int axis, Index begin, Index end,
              std::vector<Shapes> cases, std::vector<Shapes> bad, Shapes big) {
  return {"slice",
          variant,
          [=](const Tensors& t) { return slice(t[0], axis, begin, end); },
          [=](const Plains& p) {
            const int a = axis < 0 ? axis + p[0].shape.rank() : axis;
            const Index n = p[0].shape[a], first = begin < 0 ? begin + n : begin;
            const Index last = end < 0 ? end + n : end;
            return build(p[0].shape.with(a, last - first), [&](Position at) {
              at[static_cast<std::size_t>(a)] += first;
              return p[0].at(at);
            });
          },
          std::move(cases),
          {},
          std::move(bad),
          std::move(big)};
}

OpRow joining(const std::string& variant, int axis, std::vector<Shapes> cases,
              std::vector<Shapes> bad, Shapes big) {
  return {"concat",
          variant,
          [=](const Tensors& t) { return concat(t, axis); },
          [=](const Plains& p) {
            const int a = axis < 0 ? axis + p[0].shape.rank() : axis;
            Index extent = 0;
            for (const Plain& part : p) extent += part.shape[a];
            return build(p[0].shape.with(a, extent), [&](Position at) {
              Index& along = at[static_cast<std::size_t>(a)];
              std::size_t part = 0;
              while (along >= p[part].shape[a]) along -= p[part++].shape[a];
              return p[part].at(at);
            });
          },
          std::move(cases),
          {},
          std::move(bad),
          std::move(big)};
}

OpRow gathering(const std::string& variant, const Shape& shape, const std::vector<int>& rows,
                std::vector<Shapes> cases, std::vector<Shapes> bad, Shapes big) {
  const IntArray index(shape, std::vector<std::int32_t>(rows.begin(), rows.end()));
  return {"gather",
          variant,
          [=](const Tensors& t) { return gather(t[0], index); },
          [=](const Plains& p) {
            std::vector<Index> dims(shape.begin(), shape.end());
            dims.insert(dims.end(), p[0].shape.begin() + 1, p[0].shape.end());
            Plain y{Shape(std::span<const Index>(dims)), {}};
            const Index row = p[0].shape.size() / p[0].shape[0];
            for (const int i : rows)
              for (Index k = 0; k < row; ++k) y.values.push_back(p[0][i * row + k]);
            return y;
          },
          std::move(cases),
          {},
          std::move(bad),
          std::move(big)};
}

OpRow product(const std::string& variant, Trans trans) {
  // (B..., N, K) x (B..., K, M), turned round where it is read transposed.
  const auto turned = [](Shape s, bool turn) {
    return turn ? s.with(-1, s[-2]).with(-2, s[-1]) : s;
  };
  const auto turn = [=](const Shapes& s) {
    return Shapes{turned(s[0], trans == Trans::left || trans == Trans::both),
                  turned(s[1], trans == Trans::right || trans == Trans::both)};
  };
  OpRow row{"matmul",
            variant,
            [=](const Tensors& t) { return matmul(t[0], t[1], trans); },
            [=](const Plains& p) { return matmul_oracle(p[0], p[1], trans); },
            {},
            {},
            {{{5}, {5, 2}}, {{5, 2}, {}}, turn({{2, 3}, {4, 5}}), turn({{2, 3, 4}, {3, 4, 5}})},
            turn({{301, 200}, {200, 101}})};
  for (const Shapes& s : std::vector<Shapes>{{{1, 1}, {1, 1}},
                                             {{3, 5}, {5, 7}},
                                             {{2, 1}, {1, 3}},
                                             {{1, 5}, {5, 1}},
                                             {{9, 2}, {2, 17}},
                                             {{0, 3}, {3, 2}},
                                             {{3, 0}, {0, 2}},
                                             {{2, 3, 5}, {2, 5, 2}},
                                             {{2, 1, 2, 3}, {3, 3, 5}},
                                             {{2, 3}, {3, 3, 2}},
                                             {{2, 2, 3}, {3, 2}},
                                             {{0, 2, 3}, {3, 2}},
                                             {{3, 3}, {3, 3}}})
    row.cases.push_back(turn(s));
  return row;
}

OpRow classification(const std::string& variant, double smoothing) {
  return {"cross_entropy",
          variant,
          [=](const Tensors& t) {
            const auto targets = labels(t[0].shape());
            const IntArray array(Shape{static_cast<Index>(targets.size())},
                                 std::vector<std::int32_t>(targets.begin(), targets.end()));
            return cross_entropy(t[0], array, static_cast<Scalar>(smoothing));
          },
          [=](const Plains& p) {
            return Plain{{}, {cross_entropy_oracle(p[0], labels(p[0].shape), smoothing)}};
          },
          {{{1, 1}}, {{1, 5}}, {{3, 7}}, {{5, 10}}, {{7, 2}}, {{0, 3}}},
          {},
          {{{}}, {{3}}, {{2, 2, 2}}, {{3, 0}}},
          {{4001, 10}}};
}

}  // namespace kindling::test
