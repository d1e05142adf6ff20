#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(KINDLING_SOURCE_DIR "/") + path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("the learner that the README shows is the program that is built, in 25 lines") {
  const std::string readme = text_of("README.md"), fence = "```cpp\n";
  const auto begin = readme.find(fence) + fence.size();
  const std::string shown = readme.substr(begin, readme.find("```", begin) - begin);
  CHECK(shown == text_of("learner/examples/look_inside.cpp"));
  CHECK(std::count(shown.begin(), shown.end(), '\n') <= 25);
}
