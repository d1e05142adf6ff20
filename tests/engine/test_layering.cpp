#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "tests/support/errors.h"

// Who may include whom: engine <- {nn, data} <- learner <- {tests, bench}, and inside engine
// shape -> array -> kernels -> tape, tensor -> ops.

namespace kindling::test {

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

std::string first_folder(const std::string& path) { return path.substr(0, path.find('/')); }
std::string stem(const std::string& path) { return path.substr(0, path.rfind('.')); }

/// Engine files that stand below the kernels, and those that stand above.
const Names kBelowKernels{"engine/error",    "engine/recycle", "engine/scalar", "engine/shape",
                          "engine/storage",  "engine/array",   "engine/random", "engine/hook",
                          "engine/parallel", "engine/machine", "engine/lazy",   "engine/archive",
                          "engine/where"};
const Names kTape{"engine/tape", "engine/tensor", "engine/anomaly", "engine/trace", "engine/graph"};

bool engine_may_include(const std::string& file, const std::string& included) {
  if (included == "engine/engine.h") return false;  // that is for those outside
  if (file == "engine/engine.h") return true;
  if (begins(file, "engine/ops/")) return true;
  const bool kernels = begins(included, "engine/kernels/");
  const bool low = kBelowKernels.contains(stem(included));
  if (begins(file, "engine/kernels/")) return kernels || low;
  if (kTape.contains(stem(file)))
    return low || kTape.contains(stem(included)) || (kernels && file == "engine/tape.cpp");
  return low;
}

/// Both are paths from the top folder.
bool may_include(const std::string& file, const std::string& included) {
  const std::string from = first_folder(file), to = first_folder(included);
  if (from == "tests" || from == "bench") return true;
  if (begins(file, "learner/plot/"))
    return begins(included, "learner/plot/") || included == "learner/files/atomic_file.h";
  if (begins(file, "learner/report/"))
    return begins(included, "learner/report/") || begins(included, "learner/plot/") ||
           included == "learner/files/atomic_file.h" || included == "engine/error.h";
  if (from == "engine") return to == "engine" && engine_may_include(file, included);
  if (begins(included, "engine/kernels/")) return false;
  if (from == "nn" || from == "data") return to == "engine" || to == from;
  if (from == "learner") return Names{"engine", "nn", "data", "learner"}.contains(to);
  return false;
}

/// What stands between the quotes of an include line; empty for any other line.
std::string quoted_include(const std::string& line) {
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string::npos || line[first] != '#') return "";
  const auto word = line.find_first_not_of(" \t", first + 1);
  if (word == std::string::npos || line.compare(word, 7, "include") != 0) return "";
  const auto open = line.find('"', word);
  if (open == std::string::npos) return "";
  return line.substr(open + 1, line.find('"', open + 1) - open - 1);
}

struct Arrow {
  std::string file, included;
};

const fs::path& root() {
  static const fs::path path = KINDLING_SOURCE_DIR;
  return path;
}

/// Calls visit(path from the top folder, line) for every line of our sources.
template <class Visit>
int each_line(const std::vector<std::string>& folders, const Visit& visit) {
  int files = 0;
  for (const std::string& folder : folders) {
    if (!fs::exists(root() / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) {
      const fs::path& path = entry.path();
      if (path.extension() != ".h" && path.extension() != ".cpp") continue;
      ++files;
      std::ifstream file(path);
      for (std::string line; std::getline(file, line);)
        visit(fs::relative(path, root()).generic_string(), line);
    }
  }
  return files;
}

/// The code of a line, without what follows two slashes.
std::string code(const std::string& line) { return line.substr(0, line.find("//")); }

bool touches_a_pointer(const std::string& line) {
  return contains(code(line), ".data()") || contains(code(line), "->data()");
}

}  // namespace

TEST_CASE("no include line points upward") {
  const std::vector<std::string> folders{"engine", "nn", "data", "learner", "tests", "bench"};
  int includes = 0;
  const int files = each_line(folders, [&](const std::string& file, const std::string& line) {
    const std::string included = quoted_include(line);
    if (included.empty()) return;
    ++includes;
    CHECK_MESSAGE(may_include(file, included), file, " includes ", included);
    CHECK_MESSAGE(fs::exists(root() / included), file, " includes ", included,
                  ", which is no path from the top folder");
  });
  CHECK_GT(files, 50);
  CHECK_GT(includes, 100);
}

TEST_CASE("ops touch no raw pointer") {
  const int files = each_line({"engine/ops"}, [](const std::string& file, const std::string& line) {
    CHECK_MESSAGE(!touches_a_pointer(line), file, ": ", line);
  });
  CHECK_GT(files, 10);
}

TEST_CASE("the rule lets arrows point downward") {
  for (const auto& arrow :
       std::vector<Arrow>{{"engine/array.h", "engine/shape.h"},
                          {"engine/kernels/conv2d.cpp", "engine/kernels/simd.h"},
                          {"engine/kernels/gemm.h", "engine/array.h"},
                          {"engine/tape.cpp", "engine/kernels/update.h"},
                          {"engine/tape.h", "engine/tensor.h"},
                          {"engine/ops/conv.cpp", "engine/kernels/conv2d.h"},
                          {"engine/ops/pool.h", "engine/ops/conv.h"},
                          {"engine/engine.h", "engine/ops/conv.h"},
                          {"nn/module.h", "engine/engine.h"},
                          {"nn/layers.cpp", "nn/module.h"},
                          {"data/idx.cpp", "engine/array.h"},
                          {"learner/learner.h", "data/data_loader.h"},
                          {"learner/callbacks/lr_finder.cpp", "learner/plot/charts.h"},
                          {"learner/plot/axes.cpp", "learner/plot/axis.h"},
                          {"tests/engine/test_conv.cpp", "engine/kernels/conv2d.h"},
                          {"bench/bench_conv.cpp", "learner/learner.h"}})
    CHECK_MESSAGE(may_include(arrow.file, arrow.included), arrow.file, " includes ",
                  arrow.included);
}

TEST_CASE("the rule finds arrows that point upward") {
  for (const auto& arrow : std::vector<Arrow>{{"engine/tape.cpp", "nn/module.h"},
                                              {"engine/array.h", "tests/support/plain.h"},
                                              {"engine/array.h", "engine/kernels/gemm.h"},
                                              {"engine/random.cpp", "engine/ops/conv.h"},
                                              {"engine/shape.cpp", "engine/tensor.h"},
                                              {"engine/hook.h", "engine/tape.h"},
                                              {"engine/kernels/gemm.cpp", "engine/tensor.h"},
                                              {"engine/kernels/gemm.cpp", "engine/tape.h"},
                                              {"engine/kernels/gemm.cpp", "engine/ops/matmul.h"},
                                              {"engine/tape.h", "engine/kernels/update.h"},
                                              {"engine/tensor.cpp", "engine/kernels/update.h"},
                                              {"engine/tape.cpp", "engine/ops/elementwise.h"},
                                              {"engine/ops/conv.cpp", "engine/engine.h"},
                                              {"engine/ops/conv.cpp", "nn/layers.h"},
                                              {"nn/layers.cpp", "engine/kernels/conv2d.h"},
                                              {"nn/layers.cpp", "data/dataset.h"},
                                              {"nn/layers.cpp", "learner/learner.h"},
                                              {"data/dataset.cpp", "nn/module.h"},
                                              {"data/dataset.cpp", "engine/kernels/layout.h"},
                                              {"learner/learner.cpp", "engine/kernels/conv2d.h"},
                                              {"learner/learner.cpp", "bench/bench.h"},
                                              {"learner/plot/axes.cpp", "learner/learner.h"},
                                              {"learner/plot/axes.cpp", "engine/array.h"},
                                              {"learner/plot/axes.cpp", "learner/report/report.h"},
                                              {"learner/report/report.cpp", "learner/learner.h"},
                                              {"learner/report/report.cpp", "engine/array.h"},
                                              {"stray.cpp", "engine/array.h"}})
    CHECK_MESSAGE(!may_include(arrow.file, arrow.included), arrow.file, " includes ",
                  arrow.included);
}

TEST_CASE("include lines and raw pointers are recognised") {
  CHECK_EQ(quoted_include("#include \"engine/array.h\""), "engine/array.h");
  CHECK_EQ(quoted_include("  #  include \"nn/module.h\"  // why"), "nn/module.h");
  CHECK_EQ(quoted_include("#include <vector>"), "");
  CHECK_EQ(quoted_include("// #include \"nn/module.h\""), "");
  CHECK_EQ(quoted_include("#define X \"nn/module.h\""), "");
  CHECK(touches_a_pointer("  const Scalar* in = x.value().data();"));
  CHECK_FALSE(touches_a_pointer("  // not x.data(), ever"));
  CHECK_FALSE(touches_a_pointer("  kernels::gemm(a, b);"));
}

}  // namespace kindling::test
