#include "engine/anomaly.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "engine/error.h"

namespace kindling {

namespace {

thread_local bool on = false;

/// The first number that is none.
std::optional<Index> first_bad(const Array& array) {
  const auto values = array.values();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) return static_cast<Index>(i);
  return {};
}

/// "1.0: ", or nothing outside of every module.
std::string module_prefix() {
  const std::string path = where::path();
  return path.empty() ? path : path + ": ";
}

}  // namespace

DetectAnomaly::DetectAnomaly() : before_(std::exchange(on, true)) {}
DetectAnomaly::~DetectAnomaly() { on = before_; }

namespace anomaly {

bool detecting() { return on; }

void check_forward(const Op& op, const Array& y, std::span<const Tensor> inputs) {
  const auto bad = first_bad(y);
  if (!bad) return;
  std::string given = "its inputs are finite";
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (const auto k = first_bad(inputs[i].value())) {
      given = str("input ", i, " ", inputs[i].shape(), " has ", inputs[i].value()[*k],
                  " at element ", *k);
      break;
    }
  // The modules put their names in front as the error leaves them.
  throw Error(
      str("[", op.name, "] y ", y.shape(), " is ", y[*bad], " at element ", *bad, "; ", given));
}

BackwardFn watched(const Op& op, BackwardFn backward) {
  return [&op, module = module_prefix(), inner = std::move(backward)](Lazy&& dy,
                                                                      Grads& grads) mutable {
    const auto given = first_bad(dy.get());
    inner(std::move(dy), grads);
    for (int i = 0; i < grads.inputs(); ++i) {
      if (!grads.needs(i) || !grads.sum(i).defined()) continue;
      const Array& dx = grads.sum(i).get();
      if (const auto bad = first_bad(dx))
        throw Error(str(module, "[", op.name, "] backward makes ", dx[*bad], " at element ", *bad,
                        " of dx", i, " ", dx.shape(), ", from a dy that is ",
                        given ? "not finite" : "finite"));
    }
  };
}

}  // namespace anomaly

}  // namespace kindling
