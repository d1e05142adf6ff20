#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "learner/examples/fashion_mnist/recipes.h"

// What the main README says is what stands elsewhere, with all its digits.

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(KINDLING_SOURCE_DIR "/") + path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The lines of a page that begin so, behind a line of its own: "" for all of it.
std::vector<std::string> lines_of(const std::string& page, const std::string& behind,
                                  const std::string& begin) {
  std::istringstream text(text_of(page));
  std::vector<std::string> lines;
  bool there = behind.empty();
  for (std::string line; std::getline(text, line); there |= line == behind)
    if (there && line.starts_with(begin)) lines.push_back(line);
  return lines;
}

/// "| a | b |" -> a, b.
std::vector<std::string> cells_of(const std::string& row) {
  std::istringstream text(row.substr(row.find('|') + 1));
  std::vector<std::string> cells;
  for (std::string cell; std::getline(text, cell, '|');) {
    const auto begin = cell.find_first_not_of(' '), end = cell.find_last_not_of(' ');
    cells.push_back(begin == std::string::npos ? "" : cell.substr(begin, end - begin + 1));
  }
  return cells;
}

/// The numbers of a text, as they are written.
std::vector<std::string> numbers_of(const std::string& text) {
  static const std::regex number(R"((?:^|[^A-Za-z0-9.])(\d*\.?\d+))");
  std::vector<std::string> numbers;
  for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at)
    numbers.push_back((*at)[1]);
  return numbers;
}

/// Whether one of the texts' numbers becomes this one when it is rounded to as many digits.
bool stands_in(const std::string& figure, const std::vector<std::string>& texts) {
  const auto point = figure.find('.');
  const double digits = point == std::string::npos ? 0.0 : figure.size() - point - 1.0;
  for (const std::string& text : texts)
    for (const std::string& number : numbers_of(text))
      if (std::abs(std::stod(number) - std::stod(figure)) <= 0.5 * std::pow(10, -digits) + 1e-9)
        return true;
  return false;
}

}  // namespace

TEST_CASE("accuracies and seconds of the README are those of the table of recipes") {
  const auto rows = lines_of("README.md", "## What it reaches", "| `");
  CHECK(rows.size() >= 5);
  for (const std::string& row : rows) {
    CAPTURE(row);
    const auto here = cells_of(row);  // recipe, words, epochs, seconds, ours, course
    const auto found =
        lines_of("learner/examples/README.md", "## Recipes", "| " + here.at(0) + " |");
    REQUIRE(found.size() == 1);
    // recipe, words, course, PyTorch, ours, seeds, seconds an epoch
    const auto there = cells_of(found[0]);
    for (const std::string& figure : numbers_of(here.at(4))) {
      CAPTURE(figure);
      CHECK(stands_in(figure, {there.at(4), there.at(1)}));
    }
    for (const std::string& figure : numbers_of(here.at(5))) {
      CAPTURE(figure);
      CHECK(stands_in(figure, {there.at(2), there.at(3), there.at(1)}));
    }
    const std::string name = here[0].substr(1, here[0].size() - 2);
    const kindling::Recipe recipe = kindling::find_recipe(name).make();
    const int epochs = recipe.epochs * recipe.models;
    CHECK(std::stoi(here.at(2)) == epochs);
    // Two digits of a product.
    const double seconds = std::stod(numbers_of(here.at(3)).at(0));
    CHECK(std::abs(epochs * std::stod(numbers_of(there.at(6)).at(0)) / seconds - 1) < 0.03);
  }
}

TEST_CASE("the README's figures of speed are those of bench/README.md") {
  // A row of the README begins so, and lines there: of a table the column of libtorch counts.
  const std::vector<std::pair<std::string, std::vector<std::string>>> sources = {
      {"| training step: ", {"| conv10, batch 1024 |", "| the same with statistics"}},
      {"| a ResNet of 1.2 M", {"| resnet13 |", "| wide14 |"}},
      {"| x * x for one", {"| x * x for one"}},
      {"| 123 convolutions", {"median "}},
      {"| product of two 1024 x 1024", {"| 1024 |"}},
      {"| peak memory", {"Peak memory, "}}};
  const auto rows = lines_of("README.md", "| | theirs / ours | |", "| ");
  for (const auto& source : sources) {
    const auto& [first, lines] = source;
    const std::string& begin = first;  // which a lambda may capture
    CAPTURE(begin);
    std::vector<std::string> row, texts;
    for (const std::string& line : rows)
      if (line.starts_with(begin)) row.push_back(line);
    REQUIRE(row.size() == 1);
    for (const std::string& line : lines) {
      const auto found = lines_of("bench/README.md", "", line);
      CAPTURE(line);
      REQUIRE(found.size() == 1);
      texts.push_back(found[0][0] == '|' ? cells_of(found[0]).at(2) : found[0]);
    }
    const auto figures = numbers_of(cells_of(row[0]).at(1));
    CHECK(!figures.empty());
    for (const std::string& figure : figures) {
      CAPTURE(figure);
      CHECK(stands_in(figure, texts));
    }
  }
  // None is left out: up to the next table those rows are all that there are.
  const auto end = std::find(rows.begin(), rows.end(), "| | |");
  CHECK(end - rows.begin() == std::ssize(sources));
}

TEST_CASE("the learner that the README shows is the program that is built, in 25 lines") {
  const std::string readme = text_of("README.md"), fence = "```cpp\n";
  const auto begin = readme.find(fence) + fence.size();
  const std::string shown = readme.substr(begin, readme.find("```", begin) - begin);
  CHECK(shown == text_of("learner/examples/look_inside.cpp"));
  CHECK(std::count(shown.begin(), shown.end(), '\n') <= 25);
}
