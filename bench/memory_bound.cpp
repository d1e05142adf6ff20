#include "bench/memory_bound.h"

namespace kindling::bench {

Array large(const Shape& shape, int seed) {
  static std::map<int, Array> made;
  Array& array = made[seed];
  if (!array.defined()) array = noise({kNumbers}, seed);
  return array.reshape(shape);
}

Case memory_bound(const std::string& name, double read, double written,
                  std::function<Trial()> prepare) {
  constexpr double kBytes = 4.0 * kNumbers;
  Case c;
  c.name = name;
  c.unit = Unit::gigabytes;
  c.flops = kNumbers;  // an operation a number: enough to have a place under the roofs
  c.read = read * kBytes;
  c.written = written * kBytes;
  c.prepare = std::move(prepare);
  return c;
}

Trial ours_alone(const std::function<Array()>& run, const std::function<double(Index)>& f,
                 double slack) {
  return {{{kOurs, [run] { run(); }, run}}, expected_each(run().size(), f, slack)};
}

Trial gradient_alone(const Array& x, const std::function<Tensor(const Tensor&)>& op,
                     const Array& cotangent, const std::function<double(Index)>& f, double slack) {
  const auto leaf = std::make_shared<Tensor>(x, true);
  const Tensor y = op(*leaf);
  const auto run = [leaf, y, cotangent] {
    leaf->zero_grad();
    y.backward(cotangent, /*retain_graph=*/true);
  };
  return {{{kOurs, run, [run, leaf] { return run(), leaf->grad(); }}},
          expected_each(x.size(), f, slack)};
}

}  // namespace kindling::bench
