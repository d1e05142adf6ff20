#include "bench/memory_bound.h"

namespace kindling::bench {

Array large(const Shape& shape, int seed) {
  static std::map<int, Array> made;
  Array& array = made[seed];
  if (!array.defined()) array = noise({kNumbers}, seed);
  return array.reshape(shape);
}

Case memory_bound(const std::string& name, double read, double written,
                  std::function<Trial()> prepare, bool in_place) {
  constexpr double kBytes = 4.0 * kNumbers;
  Case c;
  c.name = name;
  c.unit = Unit::gigabytes;
  c.flops = kNumbers;  // an operation a number: enough to have a place under the roofs
  c.read = read * kBytes;
  c.written = written * kBytes;
  c.in_place = in_place;
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
  const auto dy = std::make_shared<Array>();
  // As in a training step, nobody else holds what flows back.
  const auto before = [leaf, dy, cotangent] {
    leaf->zero_grad();
    *dy = cotangent;
    dy->data();
  };
  const auto run = [y, dy] { y.backward(std::move(*dy), /*retain_graph=*/true); };
  const auto result = [before, run, leaf] { return before(), run(), leaf->grad(); };
  return {{{kOurs, run, result, before}}, expected_each(x.size(), f, slack)};
}

}  // namespace kindling::bench
