// A checkpoint whose words and arrays are any at all, put into a small fit that goes on from it: an
// Error, or a fit that computes. The input:
//
//     settings (JSON), a line feed, state (JSON), a line feed, edits of the arrays
//
// as if they had been read from a sound file (fuzz_safetensors makes the others), so that neither
// lengths nor checksums are in the way; an empty line stands for what it was. An edit is three
// bytes: which array, what is done, how much.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "engine/parallel.h"
#include "learner/files/checkpoint.h"
#include "tests/learner/small_fit.h"

namespace kindling::test {

namespace {

struct Edit {
  std::uint8_t array, what, much;
};

/// The checkpoint that all begins with, halfway through an epoch.
NamedArrays sound() {
  SmallFit fit;
  fit.run(7);
  const std::string path = "fuzz-" + std::to_string(::getpid()) + ".safetensors";
  fit.save(path);
  NamedArrays arrays = read_safetensors(path);
  ::unlink(path.c_str());
  return arrays;
}

void edit(NamedArrays& file, const Edit& e) {
  if (file.arrays.empty()) return;
  const std::size_t i = e.array % file.arrays.size();
  auto& [name, array] = file.arrays[i];
  const Index n = e.much;
  switch (e.what % 8) {
    case 0:
      file.arrays.erase(file.arrays.begin() + static_cast<long>(i));
      break;
    case 1:
      name += static_cast<char>('a' + n % 26);
      break;
    case 2:
      array = Array(Shape{n}, 1);
      break;
    case 3:
      array = Array(Shape{n % 16, n / 16}, Scalar(-1));
      break;
    case 4:
      array = Array(Shape{n % 4, n % 8, n % 3, n % 2}, 0);
      break;
    case 5:
      array = Array(array.shape(), std::numeric_limits<Scalar>::quiet_NaN());
      break;
    case 6:
      array = Array(array.shape(), std::numeric_limits<Scalar>::infinity());
      break;
    default:
      array = Array::scalar(static_cast<Scalar>(n));
      break;
  }
}

/// Goes on for a batch, if there is one left, and looks at everything that was restored.
void go_on(SmallFit& fit, NamedArrays file) {
  fit.restore(Checkpoint(std::move(file), "fuzz"), 1);
  if (fit.metrics.csv().empty()) std::abort();
  for (const auto& hook : fit.stats.hooks())
    if (hook.state().means.size() != hook.state().histograms.size()) std::abort();
}

}  // namespace

}  // namespace kindling::test

/// Short stacks of whoever allocated, for speed, and few freed blocks under watch, for memory.
extern "C" const char* __asan_default_options() {
  return "malloc_context_size=3:quarantine_size_mb=16";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  using namespace kindling::test;
  static const NamedArrays whole = (set_threads(1), sound());
  static SmallFit fit;

  std::string input(reinterpret_cast<const char*>(bytes), n);
  NamedArrays file = whole;
  for (const char* word : {"settings", "state"}) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    if (end > 0) file.metadata[word] = input.substr(0, end);
    input.erase(0, end + 1);
  }
  for (std::size_t i = 0; i + 3 <= input.size() && i < 30; i += 3) {
    Edit e;
    std::memcpy(&e, input.data() + i, 3);
    edit(file, e);
  }
  try {
    go_on(fit, std::move(file));
  } catch (const Error&) {
  }
  return 0;
}
