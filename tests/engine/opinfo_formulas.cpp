#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/engine/opinfo.h"

// Layouts are turned on the tape, so that gradients come back in PyTorch's layouts by themselves.

namespace kindling::test {

namespace {

constexpr Scalar kInfinity = std::numeric_limits<Scalar>::infinity();

Table elementwise_formulas() {
  const auto unary = [](auto f) { return [f](const Sample& s) { return f(s["input"]); }; };
  const auto binary = [](auto f) {
    return [f](const Sample& s) {
      const Tensor b = s.operand("other");
      return f(s["input"], s.args.contains("alpha") ? b * s.get<Scalar>("alpha") : b);
    };
  };
  const auto power = [](const Sample& s) { return pow(s["input"], s.get<Scalar>("exponent")); };
  const auto minus_from = [](const Tensor& a, const Tensor& b) { return b - a; };
  return {
      {"add", binary(add)},
      {"__radd__", binary([](const Tensor& a, const Tensor& b) { return b + a; })},
      {"sub", binary(sub)},
      {"__rsub__", binary(minus_from)},
      {"rsub",
       [](const Sample& s) { return s.operand("other") - s["input"] * s.get<Scalar>("alpha", 1); }},
      {"mul", binary(mul)},
      {"__rmul__", binary([](const Tensor& a, const Tensor& b) { return b * a; })},
      {"div", binary(div)},
      {"true_divide", binary(div)},
      {"__rdiv__", binary([](const Tensor& a, const Tensor& b) { return b / a; })},
      {"neg", unary(neg)},
      {"exp", unary([](const Tensor& x) { return exp(x); })},
      {"log", unary([](const Tensor& x) { return log(x); })},
      {"sqrt", unary([](const Tensor& x) { return sqrt(x); })},
      {"square", unary([](const Tensor& x) { return pow(x, 2); })},
      {"rsqrt", unary([](const Tensor& x) { return pow(x, -0.5); })},
      {"reciprocal", unary([](const Tensor& x) { return pow(x, -1); })},
      {"pow", power},
      {"float_power", power},
      {"tanh", unary([](const Tensor& x) { return tanh(x); })},
      {"nn.functional.tanhshrink", unary([](const Tensor& x) { return x - tanh(x); })},
      {"sigmoid", unary(sigmoid)},
      {"nn.functional.silu", unary(silu)},
      {"nn.functional.relu", unary(relu)},
      {"nn.functional.relu6", unary([](const Tensor& x) { return clamp(x, 0, 6); })},
      {"clamp_min",
       [](const Sample& s) { return clamp(s["input"], s.get<Scalar>("min"), kInfinity); }},
      {"clamp_max",
       [](const Sample& s) { return clamp(s["input"], -kInfinity, s.get<Scalar>("max")); }},
      {"nn.functional.hardtanh",
       [](const Sample& s) {
         return clamp(s["input"], s.get<Scalar>("min_val", -1), s.get<Scalar>("max_val", 1));
       }},
      {"nn.functional.leaky_relu", [](const Sample& s) {
         return leaky_relu(s["input"], s.get<Scalar>("negative_slope", 0.01));
       }}};
}

Table reduction_formulas() {
  const auto over = [](auto f) {
    return [f](const Sample& s) { return f(s["input"], s.axes(), s.get("keepdim", false)); };
  };
  const auto spread = [](auto f) {
    return [f](const Sample& s) {
      const int correction = s.get("correction", s.get("unbiased", true) ? 1 : 0);
      return f(s["input"], s.axes(), correction, s.get("keepdim", false));
    };
  };
  const auto largest = [](const Tensor& x, const Axes& axes, bool keepdim) {
    return max(x, axes, keepdim);
  };
  return {{"sum", over(sum)},     {"mean", over(mean)}, {"amax", over(largest)},
          {"max", over(largest)}, {"var", spread(var)}, {"std", spread(stddev)}};
}

Table product_formulas() {
  const auto product = [](const char* a, const char* b) {
    return [a, b](const Sample& s) { return matmul(s[a], s[b]); };
  };
  const auto plus_product = [](const char* a, const char* b) {
    return [a, b](const Sample& s) {
      return s["input"] * s.get<Scalar>("beta", 1) + matmul(s[a], s[b]) * s.get<Scalar>("alpha", 1);
    };
  };
  return {{"matmul", product("input", "other")},
          {"mm", product("input", "other")},
          {"bmm", product("input", "other")},
          {"addmm", plus_product("mat1", "mat2")},
          {"baddbmm", plus_product("batch1", "batch2")},
          {"nn.functional.linear", [](const Sample& s) {
             const Tensor y = matmul(s["input"], s["weight"], Trans::right);
             return s["bias"].defined() ? y + s["bias"] : y;
           }}};
}

/// transpose(), also of a vector, whose one axis can only change places with itself.
Tensor exchange(const Tensor& x, int axis0, int axis1) {
  return x.rank() == 1 ? x : transpose(x, axis0, axis1);
}

Tensor without_axis(const Tensor& x, int axis) {
  return reshape(x, reduced_shape(x.shape(), {x.shape().normalize(axis)}, false));
}

Tensor select(const Tensor& x, int axis, Index i) {
  if (i < 0) i += x.dim(axis);
  return without_axis(slice(x, axis, i, i + 1), axis);
}

/// x[index]: rows by number, or an integer or a slice for each of the first axes.
Tensor get_item(const Sample& s) {
  if (s.args["index"].contains("shape")) return gather(s["input"], s.integers("index"));
  Tensor x = s["input"];
  int axis = 0;
  for (const Json& i : s.args["index"]) {
    if (i.is_number()) {
      x = select(x, axis, i.get<Index>());
      continue;
    }
    const auto end = [&](const char* name, Index otherwise) {
      return i.at(name).is_null() ? otherwise : i.at(name).get<Index>();
    };
    x = slice(x, axis, end("begin", 0), end("end", x.dim(axis)));
    ++axis;
  }
  return x;
}

Table layout_formulas() {
  const auto reshaped = [](const Sample& s) {
    const auto dims = s.get<std::vector<Index>>("shape");
    return reshape(s["input"], resolve_reshape("reshape", s["input"].shape(), dims));
  };
  const auto reversed = [](const Sample& s) {
    Axes order(static_cast<std::size_t>(s["input"].rank()));
    std::iota(order.rbegin(), order.rend(), 0);
    return permute(s["input"], order);
  };
  const auto stack = [](const Sample& s) {
    std::vector<Tensor> rows;
    int axis = s.get("dim", 0);
    for (const Tensor& x : s.list()) {
      const auto old = x.shape().dims();
      std::vector<Index> dims(old.begin(), old.end());
      if (axis < 0) axis += x.rank() + 1;
      dims.insert(dims.begin() + axis, 1);
      rows.push_back(reshape(x, Shape(std::span<const Index>(dims))));
    }
    return concat(rows, axis);
  };
  const auto narrow = [](const Sample& s) {
    const Index start = s.get<Index>("start"), extent = s["input"].dim(s.get("dim"));
    const Index begin = start < 0 ? start + extent : start;
    return slice(s["input"], s.get("dim"), begin, begin + s.get<Index>("length"));
  };
  const auto index_select = [](const Sample& s) {
    const Tensor rows = exchange(s["input"], 0, s.get("dim"));
    return exchange(gather(rows, s.integers("index")), 0, s.get("dim"));
  };
  return {{"reshape", reshaped},
          {"view", reshaped},
          {"permute", [](const Sample& s) { return permute(s["input"], s.axes("dims")); }},
          {"transpose",
           [](const Sample& s) { return transpose(s["input"], s.get("dim0"), s.get("dim1")); }},
          {"t", reversed},
          {"T", reversed},
          {"cat", [](const Sample& s) { return concat(s.list(), s.get("dim", 0)); }},
          {"stack", stack},
          {"narrow", narrow},
          {"select",
           [](const Sample& s) { return select(s["input"], s.get("dim"), s.get<Index>("index")); }},
          {"__getitem__", get_item},
          {"index_select", index_select},
          {"nn.functional.embedding",
           [](const Sample& s) { return gather(s["weight"], s.integers("index")); }}};
}

/// The channels, PyTorch's axis 1, moved to the end; and back.
Tensor features_last(const Tensor& x) {
  Axes order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return permute(x, order);
}
Tensor features_second(const Tensor& x) {
  Axes order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin() + 1, order.end() - 1, order.end());
  return permute(x, order);
}

/// f on images (N,H,W,C) where PyTorch has (N,C,H,W), or (C,H,W) for a single one.
template <class F>
Formula on_images(F f) {
  return [f](const Sample& s) {
    const Tensor x = s["input"];
    const Shape& d = x.shape();
    if (d.rank() == 4) return features_second(f(features_last(x), s));
    const Tensor one = reshape(x, {1, d[0], d[1], d[2]});
    return without_axis(features_second(f(features_last(one), s)), 0);
  };
}

Tensor batch_norm_formula(const Sample& s) {
  const Tensor x = features_last(s["input"]);
  const Shape channels{x.dim(-1)};
  const auto or_constant = [&](const char* name, Scalar constant) {
    return s[name].defined() ? s[name] : Tensor(Array(channels, constant));
  };
  const Tensor weight = or_constant("weight", 1), bias = or_constant("bias", 0);
  const Scalar eps = s.get<Scalar>("eps", 1e-5);
  if (s.get("training", false)) return features_second(batch_norm(x, weight, bias, eps));
  const Moments running{s["running_mean"].value(), s["running_var"].value()};
  return features_second(batch_norm_eval(x, weight, bias, running, eps));
}

Table network_formulas() {
  const auto along = [](const Tensor& x, int axis) {
    return exchange(log_softmax(exchange(x, axis, -1)), axis, -1);
  };
  const auto cross_entropy_of_all = [](const Sample& s) {
    const Tensor x = features_last(s["input"]);
    const IntArray targets = s.integers("target");
    return cross_entropy(reshape(x, {-1, x.dim(-1)}), targets.reshape({targets.size()}),
                         s.get<Scalar>("label_smoothing", 0));
  };
  const auto conv = [](const Tensor& x, const Sample& s) {
    return conv2d(x, permute(s["weight"], {2, 3, 1, 0}), s["bias"], s.pair("stride", 1),
                  s.pair("padding", 0));
  };
  const auto max_pool = [](const Tensor& x, const Sample& s) {
    const Pair kernel = s.pair("kernel_size", 1);
    return max_pool2d(x, kernel, s.pair("stride", kernel), s.pair("padding", 0),
                      s.get("ceil_mode", false));
  };
  const auto avg_pool = [](const Tensor& x, const Sample& s) {
    const Pair kernel = s.pair("kernel_size", 1);
    return avg_pool2d(x, kernel, s.pair("stride", kernel), s.pair("padding", 0),
                      s.get("ceil_mode", false), s.get("count_include_pad", true));
  };
  return {
      {"log_softmax", [=](const Sample& s) { return along(s["input"], s.get("dim")); }},
      {"softmax", [=](const Sample& s) { return exp(along(s["input"], s.get("dim"))); }},
      {"nn.functional.softmin",
       [=](const Sample& s) { return exp(along(-s["input"], s.get("dim"))); }},
      {"nn.functional.cross_entropy", cross_entropy_of_all},
      {"nn.functional.mse_loss", [](const Sample& s) { return mse_loss(s["input"], s["target"]); }},
      {"nn.functional.conv2d", on_images(conv)},
      {"nn.functional.max_pool2d", on_images(max_pool)},
      {"nn.functional.avg_pool2d", on_images(avg_pool)},
      {"nn.functional.batch_norm", batch_norm_formula}};
}

}  // namespace

Table opinfo_formulas() {
  Table all;
  for (Table part : {elementwise_formulas(), reduction_formulas(), product_formulas(),
                     layout_formulas(), network_formulas()})
    all.merge(part);
  return all;
}

}  // namespace kindling::test
