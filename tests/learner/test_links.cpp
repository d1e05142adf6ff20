#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

// The pages point at files and name functions in them: both must be there.

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Every page of the project, but for what is built.
std::vector<fs::path> pages() {
  std::vector<fs::path> found;
  for (auto at = fs::recursive_directory_iterator(KINDLING_SOURCE_DIR);
       at != fs::recursive_directory_iterator(); ++at) {
    const std::string name = at->path().filename();
    if (at->is_directory() && (name[0] == '.' || name == "build")) at.disable_recursion_pending();
    if (at->is_regular_file() && at->path().extension() == ".md") found.push_back(at->path());
  }
  return found;
}

struct Link {
  std::string names;   ///< What stands in `code` before it, with "in" between: "`f()`, `g` in ".
  std::string target;  ///< As it is written.
};

/// What a page says outside of its blocks of code.
std::string prose(const std::string& page) {
  std::istringstream lines(page);
  std::string text;
  bool code = false;
  for (std::string line; std::getline(lines, line);) {
    const bool fence = line.starts_with("```");
    if (!fence && !code) text += line + "\n";
    code = code != fence;
  }
  return text;
}

std::vector<Link> links(const std::string& page) {
  static const std::regex link(
      R"(((?:`[^`\n]+`(?:,|\s+and)?\s+)+(?:in|of)\s+)?!?\[[^\]]*\]\(([^)\s]+)\))");
  const std::string text = prose(page);
  std::vector<Link> found;
  for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at)
    found.push_back({(*at)[1], (*at)[2]});
  return found;
}

/// The names alone, as a file would have them: `nn::Hooks`, `fit()` and `class Node` are Hooks, fit
/// and Node.
std::vector<std::string> names(const std::string& quoted) {
  static const std::regex code("`([^`\n]+)`"), last(R"((\w+)\W*$)");
  std::vector<std::string> found;
  for (std::sregex_iterator at(quoted.begin(), quoted.end(), code), end; at != end; ++at) {
    const std::string inside = (*at)[1];
    std::smatch name;
    if (std::regex_search(inside, name, last)) found.push_back(name[1]);
  }
  return found;
}

/// What is wrong with a link of a page in this folder; empty if nothing is.
std::string trouble(const fs::path& folder, const Link& link) {
  if (link.target.find("://") != std::string::npos || link.target[0] == '#') return "";
  if (link.target.find("#L") != std::string::npos) return "a line's number, which rots";
  const fs::path path = folder / link.target.substr(0, link.target.find('#'));
  if (!fs::exists(path)) return "no such file";
  if (fs::is_directory(path)) return "";
  const std::string text = text_of(path);
  for (const std::string& name : names(link.names))
    if (!std::regex_search(text, std::regex("\\b" + name + "\\b"))) return name + " is not in it";
  return "";
}

}  // namespace

TEST_CASE("every link of every page leads to a file, and to the function that it names") {
  int followed = 0, named = 0;
  for (const fs::path& page : pages())
    for (const Link& link : links(text_of(page))) {
      const std::string why = trouble(page.parent_path(), link);
      CHECK_MESSAGE(why.empty(), page.string(), ": ", link.target, ": ", why);
      ++followed;
      named += !link.names.empty();
    }
  CHECK_GT(followed, 80);
  CHECK_GT(named, 20);
}

TEST_CASE("the book is light: ten short programs, each with its page, and small pictures") {
  int programs = 0, pictures = 0;
  for (const auto& entry : fs::directory_iterator(KINDLING_SOURCE_DIR "/learner/examples/book")) {
    const fs::path& path = entry.path();
    CAPTURE(path.string());
    if (path.extension() == ".png") {
      CHECK(fs::file_size(path) < 100'000);
      ++pictures;
    }
    if (path.extension() == ".cpp") {
      const std::string text = text_of(path);
      CHECK(std::count(text.begin(), text.end(), '\n') < 120);
      CHECK(fs::exists(fs::path(path).replace_extension(".md")));
      ++programs;
    }
  }
  CHECK(programs == 10);
  CHECK_GT(pictures, 4);
}

TEST_CASE("links that lead nowhere are found") {
  const fs::path top = KINDLING_SOURCE_DIR;
  const auto of = [&](const std::string& text) {
    const std::vector<Link> found = links(text);
    REQUIRE(found.size() == 1);
    return trouble(top, found[0]);
  };
  CHECK(of("See [the tape](engine/tape.cpp).") == "");
  CHECK(of("`Tensor::backward()` and\n`record()` in [it](engine/tape.cpp)") == "");
  CHECK(of("`struct Node` of [it](engine/tape.h)") == "");
  CHECK(of("`unwind()` in [it](engine/tape.cpp)") == "unwind is not in it");
  CHECK(of("`record`, `unwind` in [it](engine/tape.cpp)") == "unwind is not in it");
  CHECK(of("[gone](engine/ribbon.cpp)") == "no such file");
  CHECK(of("![gone](gone.png)") == "no such file");
  CHECK(of("[a line](engine/tape.cpp#L10)") == "a line's number, which rots");
  CHECK(of("[a room](engine)") == "");
  CHECK(of("[elsewhere](https://example.org/none)") == "");
  CHECK(links("text\n```cpp\ncall[0](x)\n```\n").empty());
}
