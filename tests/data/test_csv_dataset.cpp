#include "data/csv_dataset.h"

#include <doctest/doctest.h>

#include <charconv>

#include "engine/random.h"
#include "tests/data/idx_files.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

using Names = std::vector<std::string>;

const testing::TempDir& folder() {
  static const testing::TempDir folder;
  return folder;
}
std::filesystem::path write(const std::string& text) {
  return folder().write("a.csv", {text.begin(), text.end()});
}
CsvDataset load(const std::string& text, const CsvOptions& options = {}) {
  return load_csv(write(text), options);
}
/// What is said behind the name of the file.
std::string trouble(const std::string& text, const CsvOptions& options = {}) {
  const auto path = write(text);
  const std::string who = str("[csv] ", path), said = message_of([&] { load_csv(path, options); });
  return begins(said, who) ? said.substr(who.size()) : said;
}

Batch all(const CsvDataset& csv) {
  std::vector<Index> rows;
  for (Index i = 0; i < csv.data.size(); ++i) rows.push_back(i);
  return csv.data.batch(rows);
}
std::vector<Scalar> inputs(const CsvDataset& csv) {
  const Array x = all(csv).xs.at(0).value();
  return {x.values().begin(), x.values().end()};
}
std::vector<int> labels(const CsvDataset& csv) {
  const IntArray y = all(csv).labels();
  return {y.values().begin(), y.values().end()};
}

}  // namespace

TEST_CASE("csv: features and classes of a table with a header") {
  const std::string text = "length,width,kind\n5.1,3.5,setosa\n-7,0.25e1,virginica\n6,3,setosa\n";
  const CsvDataset csv = load(text);
  CHECK(csv.features == Names{"length", "width"});
  CHECK(csv.classes == Names{"setosa", "virginica"});
  CHECK(inputs(csv) == std::vector<Scalar>{5.1f, 3.5f, -7, 2.5f, 6, 3});
  CHECK(labels(csv) == std::vector<int>{0, 1, 0});
  // By name or number, in another order, and with classes that are given.
  const CsvDataset other = load(
      text,
      {.label = "kind", .features = {"width", 0}, .classes = {"virginica", "setosa", "other"}});
  CHECK(other.features == Names{"width", "length"});
  CHECK(inputs(other) == std::vector<Scalar>{3.5f, 5.1f, 2.5f, -7, 3, 6});
  CHECK(labels(other) == std::vector<int>{1, 0, 1});
  CHECK(other.classes == Names{"virginica", "setosa", "other"});
  CHECK(load(text, {.features = {-2}}).features == Names{"width"});
}

TEST_CASE("csv: no header, another separator, values to regress") {
  const CsvDataset csv =
      load("10;1;2\n9;3;4\n10;5;6", {.label = 0, .header = false, .separator = ';'});
  CHECK(csv.features == Names{"1", "2"});
  CHECK(csv.classes == Names{"9", "10"});  // by value
  CHECK(labels(csv) == std::vector<int>{1, 0, 1});
  CHECK(load("1,b\n1,B\n1,10\n1,9\n", {.header = false}).classes == Names{"10", "9", "B", "b"});
  const CsvDataset line = load("x y\n1 2.5\n3 4\n", {.separator = ' ', .regress = true});
  const Tensor values = all(line).values();
  CHECK(values.value().shape() == Shape{2, 1});
  CHECK(values.value()[0] == 2.5);
  CHECK(values.value()[1] == 4);
  CHECK(line.classes.empty());
}

TEST_CASE("csv: quotes, blanks, ends of lines, a byte order mark") {
  const CsvDataset csv = load(
      "\xef\xbb\xbf\"a, \"\"b\"\"\", c\t,\"the\nkind\"\r\n 1 ,\"2\" , \"x,\"\r\n3,4,y "
      "\n5,6,\"\"\"\"");
  CHECK(csv.features == Names{"a, \"b\"", "c"});
  CHECK(inputs(csv) == std::vector<Scalar>{1, 2, 3, 4, 5, 6});
  CHECK(csv.classes == Names{"\"", "x,", "y"});
  CHECK(labels(csv) == std::vector<int>{1, 2, 0});
  CHECK(load("a,b\n1,x\ry\n").classes == Names{"x\ry"});
}

TEST_CASE("csv: any table that is written is read again") {
  Random random(3);
  for (int k = 0; k < 200; ++k) {
    const auto below = [&](Index n) {
      return static_cast<Index>(random.bits() % static_cast<std::uint64_t>(n));
    };
    const Index rows = 1 + below(6), columns = 2 + below(4), label = below(columns);
    const bool crlf = below(2) == 1, end = below(2) == 1;
    std::vector<Scalar> numbers;
    Names words;
    std::string text;
    for (Index row = 0; row < rows; ++row)
      for (Index col = 0; col < columns; ++col) {
        std::string field;
        if (col == label) {
          const char* kinds[] = {"a", "b,c", "d\"e", "f\ng", "\"", "h\r\ni"};
          field = words.emplace_back(kinds[below(6)]);
        } else {
          char digits[32];
          numbers.push_back(random.normal(Shape{}, 0, 1000).item());
          field = {digits, std::to_chars(digits, digits + sizeof digits, numbers.back()).ptr};
        }
        if (below(2) == 1 || field.find_first_of(",\"\n\r") != std::string::npos) {
          for (std::size_t at = 0; (at = field.find('"', at)) != std::string::npos; at += 2)
            field.insert(at, 1, '"');
          field = '"' + field + '"';
        }
        const bool last = col == columns - 1;
        text += field + (!last ? "," : row == rows - 1 && !end ? "" : crlf ? "\r\n" : "\n");
      }
    CAPTURE(text);
    const CsvDataset csv = load(text, {.label = static_cast<int>(label), .header = false});
    CHECK(inputs(csv) == numbers);
    const auto got = labels(csv);
    REQUIRE(got.size() == words.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK(csv.classes[static_cast<std::size_t>(got[i])] == words[i]);
    CHECK(std::is_sorted(csv.classes.begin(), csv.classes.end()));
  }
}

TEST_CASE("csv: what is wrong is said with file and line") {
  CHECK(trouble("") == ": the file is empty");
  CHECK(trouble("a,b\n") == ": has no rows");
  CHECK(trouble("a,b\n1,x\n2\n") == ":3: 1 field, 2 expected");
  CHECK(trouble("a,b\n1,x\n\n") == ":3: an empty line: 2 fields expected");
  CHECK(trouble("a,b\n1,x,2\n") == ":2: 3 fields, 2 expected");
  CHECK(trouble("a,b\n1,x\nten,x\n") == ":3: column 'a': a finite number expected, got 'ten'");
  CHECK(trouble("1,x\n2,\n", {.header = false}) == ":2: column 1: a class expected, got ''");
  for (const std::string field :
       {"", "nan", "inf", "1e99", "0x1p3", "1.5.2", "1 2", "1,5", "--1", "1f", "1e"}) {
    CAPTURE(field);
    CHECK(trouble("a,b\n\"" + field + "\",x\n") ==
          ":2: column 'a': a finite number expected, got '" + field + "'");
  }
  CHECK(trouble("a,b\n" + std::string(1000, 'z') + ",x\n") ==
        ":2: column 'a': a finite number expected, got '" + std::string(40, 'z') + "'");
  CHECK(trouble("a,b\n1,y\n", {.regress = true}) ==
        ":2: column 'b': a finite number expected, got 'y'");
  CHECK(trouble("a,b\n1,z\n", {.classes = {"x", "y"}}) ==
        ":2: column 'b': a known class expected, got 'z'");
  CHECK(trouble("a,b\n1,x\n", {.classes = {"x", "x"}}) == ": a class is there twice");
  // A row may go over several lines: the one where it begins.
  CHECK(trouble("a,b\n1,\"x\ny\"\n2,\"x\n\n\"\nno,x\n") ==
        ":7: column 'a': a finite number expected, got 'no'");
  CHECK(trouble("a,b\n1,\"x\n2,y\n") == ":2: a quote is not closed");
  CHECK(trouble("a,b\n1,x\"y\"\n") == ":2: a quote inside of 'x\"y\"'");
  CHECK(trouble("a,b\n\"1\"2,x\n") == ":2: column 0: more text behind closing quotes");
  CHECK(trouble("a,a\n1,x\n") == ": two columns are named 'a'");
  CHECK(trouble("a,b\n1,x\n", {.label = "c"}) == ": no column is named 'c'; there are a, b");
  CHECK(trouble("1,x\n", {.label = "c", .header = false}) ==
        ": no header, so no column is named 'c'");
  CHECK(trouble("a,b\n1,x\n", {.label = 2}) == ": column 2 of 2");
  CHECK(trouble("a,b\n1,x\n", {.label = -3}) == ": column -3 of 2");
  CHECK(trouble("a,b\n1,x\n", {.features = {"b"}}) == ": column 'b' is used twice");
  CHECK(trouble("a,b\n1,x\n", {.features = {"a", 0}}) == ": column 'a' is used twice");
  CHECK(trouble("a\n1\n") == ": no feature beside the label");
  for (const char separator : {'"', '\n', '\r', '\0'})
    CHECK(trouble("a,b\n1,x\n", {.separator = separator}) ==
          ": a separator that is no quote and no end of a line expected");
  CHECK(message_of([] { load_csv("/no/a.csv"); }) == "[csv] \"/no/a.csv\": there is no such file");
}

TEST_CASE("random_split: every row once, the same for the same seed") {
  const CsvDataset csv = load("a,b\n0,x\n1,x\n2,x\n3,x\n4,x\n5,x\n6,x\n7,x\n8,x\n9,x\n");
  const auto rows = [](const Subset& part) {
    std::vector<Index> numbers;
    for (Index i = 0; i < part.size(); ++i) numbers.push_back(i);
    std::vector<Scalar> seen;
    if (numbers.empty()) return seen;
    const Array x = part.batch(numbers).xs.at(0).value();
    seen.assign(x.values().begin(), x.values().end());
    return seen;
  };
  const Split a = random_split(csv.data, 0.25), b = random_split(csv.data, 0.25),
              c = random_split(csv.data, 0.25, 1);
  CHECK(rows(a.valid).size() == 3);
  CHECK(rows(a.train) == rows(b.train));
  CHECK(rows(a.valid) == rows(b.valid));
  CHECK(rows(a.valid) != rows(c.valid));
  std::vector<Scalar> both = rows(a.train), valid = rows(a.valid);
  both.insert(both.end(), valid.begin(), valid.end());
  std::sort(both.begin(), both.end());
  CHECK(both == std::vector<Scalar>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(random_split(csv.data, 0).valid.size() == 0);
  CHECK(random_split(csv.data, 1).train.size() == 0);
  CHECK(message_of([&] { random_split(csv.data, 1.5); }) ==
        "[random_split] a share of 1.5: 0 to 1 expected");
}

}  // namespace kindling::test
