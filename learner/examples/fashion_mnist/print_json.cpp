#include "learner/examples/fashion_mnist/print_json.h"

#include <cstdio>

namespace kindling {

void print_json(const nlohmann::ordered_json& result) {
  using nlohmann::ordered_json;
  std::printf("%s\n", result.dump(-1, ' ', false, ordered_json::error_handler_t::replace).c_str());
}

}  // namespace kindling
