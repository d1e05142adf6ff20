#include "data/csv_dataset.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "data/read_file.h"
#include "engine/error.h"

namespace kindling {

namespace {

using Fields = std::vector<std::string>;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The rows of a text, field by field.
class CsvReader {
 public:
  CsvReader(std::string_view text, char separator, const std::filesystem::path& path)
      : rest_(text), separator_(separator), path_(path) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  /// Reads the next row, if there is one.
  bool next(Fields& fields) {
    if (rest_.empty()) return false;
    fields.clear();
    line_ = next_line_;
    for (bool more = true; more;) {
      skip_blanks();
      fields.push_back(rest_.starts_with('"') ? quoted() : plain());
      skip_blanks();
      more = rest_.starts_with(separator_);
      if (more) rest_.remove_prefix(1);
    }
    require(take_line_end(), "column ", fields.size() - 1, ": more text behind closing quotes");
    return true;
  }

  /// Throws Error with the file and the line where the row begins, unless ok.
  template <class... Ts>
  void require(bool ok, const Ts&... parts) const {
    if (!ok) throw Error(str("[csv] ", path_, ":", line_, ": ", parts...));
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && rest_[0] != separator_ && (rest_[0] == ' ' || rest_[0] == '\t'))
      rest_.remove_prefix(1);
  }
  std::string plain() {
    const char ends[] = {separator_, '\n', '\r', '\0'};
    // A carriage return ends a line only in front of a line feed.
    std::size_t end = rest_.find_first_of(ends);
    while (end != std::string_view::npos && rest_[end] == '\r' && rest_.substr(end, 2) != "\r\n")
      end = rest_.find_first_of(ends, end + 1);
    const std::string_view field = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end, rest_.size()));
    require(field.find('"') == std::string_view::npos, "a quote inside of '", field, "'");
    return std::string(field);
  }
  std::string quoted() {
    std::string field;
    for (;;) {
      const std::size_t end = rest_.find('"', 1);
      require(end != std::string_view::npos, "a quote is not closed");
      const std::string_view part = rest_.substr(1, end - 1);
      next_line_ += std::count(part.begin(), part.end(), '\n');
      field += part;
      rest_.remove_prefix(end + 1);
      if (!rest_.starts_with('"')) return field;
      field += '"';
    }
  }
  bool take_line_end() {
    for (const std::string_view end : {"\r\n", "\n"})
      if (rest_.starts_with(end)) {
        rest_.remove_prefix(end.size());
        ++next_line_;
        return true;
      }
    return rest_.empty();
  }

  std::string_view rest_;
  char separator_;
  const std::filesystem::path& path_;
  Index line_ = 1, next_line_ = 1;
};

/// A table's columns, by name and number.
class Columns {
 public:
  Columns(Fields names, bool header, const std::filesystem::path& path)
      : names_(std::move(names)), header_(header), path_(path) {
    if (header_) {
      std::set<std::string_view> known;
      for (const std::string& name : names_)
        check<Error>(known.insert(name).second, "csv", path_, ": two columns are named '", name,
                     "'");
    } else {
      for (std::size_t i = 0; i < names_.size(); ++i) names_[i] = std::to_string(i);
    }
  }

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t i) const { return names_[i]; }
  /// As messages name it.
  std::string title(std::size_t i) const {
    return header_ ? "column '" + names_[i] + "'" : "column " + names_[i];
  }
  std::size_t find(const Column& column) const {
    if (const std::string* name = std::get_if<std::string>(&column)) {
      check<Error>(header_, "csv", path_, ": no header, so no column is named '", *name, "'");
      const auto found = std::find(names_.begin(), names_.end(), *name);
      check<Error>(found != names_.end(), "csv", path_, ": no column is named '", *name,
                   "'; there are ", list());
      return static_cast<std::size_t>(found - names_.begin());
    }
    const int asked = std::get<int>(column), n = static_cast<int>(names_.size());
    check<Error>(asked >= -n && asked < n, "csv", path_, ": column ", asked, " of ", n);
    return static_cast<std::size_t>(asked < 0 ? asked + n : asked);
  }
  std::vector<std::size_t> features(const std::vector<Column>& chosen, std::size_t label) const {
    std::vector<std::size_t> found;
    for (const Column& column : chosen) found.push_back(find(column));
    for (std::size_t i = 0; chosen.empty() && i < size(); ++i)
      if (i != label) found.push_back(i);
    check<Error>(!found.empty(), "csv", path_, ": no feature beside the label");
    std::set<std::size_t> taken{label};
    for (const std::size_t i : found)
      check<Error>(taken.insert(i).second, "csv", path_, ": ", title(i), " is used twice");
    return found;
  }

 private:
  /// The first names.
  std::string list() const {
    constexpr std::size_t kMost = 20;
    std::string text;
    for (std::size_t i = 0; i < std::min(size(), kMost); ++i)
      text += (i == 0 ? "" : ", ") + names_[i].substr(0, 40);
    return size() > kMost ? text + ", ..." : text;
  }

  Fields names_;
  bool header_;
  const std::filesystem::path& path_;
};

/// The number that a field is, and nothing else.
template <class T>
std::optional<T> number(std::string_view field) {
  T value{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return {};
  return value;
}

Scalar finite(const CsvReader& csv, const Columns& columns, std::size_t i, const Fields& row) {
  const std::optional<double> value = number<double>(row[i]);
  csv.require(value && std::isfinite(static_cast<Scalar>(*value)), columns.title(i),
              ": a finite number expected, got '", row[i].substr(0, 40), "'");
  return static_cast<Scalar>(*value);
}

/// The words that occur, sorted: by value when all are whole numbers.
std::vector<std::string> sorted_classes(const Fields& words) {
  const std::set<std::string> unique(words.begin(), words.end());
  std::vector<std::string> classes(unique.begin(), unique.end());
  const auto value = [](const std::string& word) { return number<std::int64_t>(word); };
  if (std::all_of(classes.begin(), classes.end(), value))
    std::stable_sort(
        classes.begin(), classes.end(),
        [&](const std::string& a, const std::string& b) { return *value(a) < *value(b); });
  return classes;
}

IntArray labels_of(const Fields& words, const std::vector<std::string>& classes) {
  std::map<std::string, std::int32_t> numbers;
  for (const std::string& name : classes)
    numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
  IntArray labels(Shape{std::ssize(words)});
  std::transform(words.begin(), words.end(), labels.data(),
                 [&](const std::string& word) { return numbers.at(word); });
  return labels;
}

}  // namespace

CsvDataset load_csv(const std::filesystem::path& path, const CsvOptions& options) {
  const std::set<std::string> expected(options.classes.begin(), options.classes.end());
  check<Error>(expected.size() == options.classes.size(), "csv", path, ": a class is there twice");
  check<Error>(std::string_view("\"\n\r").find(options.separator) == std::string_view::npos &&
                   options.separator != '\0',
               "csv", path, ": a separator that is no quote and no end of a line expected");
  const std::string text = read_file(path, "csv");
  CsvReader csv(text, options.separator, path);
  Fields row, words;
  check<Error>(csv.next(row), "csv", path, ": the file is empty");
  const Columns columns(row, options.header, path);
  const std::size_t label = columns.find(options.label);
  const std::vector<std::size_t> features = columns.features(options.features, label);

  std::vector<Scalar> x, values;
  for (bool there = !options.header || csv.next(row); there; there = csv.next(row)) {
    csv.require(row.size() > 1 || !row[0].empty(), "an empty line: ", columns.size(),
                " fields expected");
    csv.require(row.size() == columns.size(), row.size(),
                row.size() == 1 ? " field, " : " fields, ", columns.size(), " expected");
    for (const std::size_t i : features) x.push_back(finite(csv, columns, i, row));
    if (options.regress) {
      values.push_back(finite(csv, columns, label, row));
      continue;
    }
    csv.require(!row[label].empty() && (expected.empty() || expected.contains(row[label])),
                columns.title(label), ": ", expected.empty() ? "a" : "a known",
                " class expected, got '", row[label].substr(0, 40), "'");
    words.push_back(row[label]);
  }
  const Index n = std::ssize(x) / std::ssize(features);
  check<Error>(n > 0, "csv", path, ": has no rows");

  std::vector<std::string> names, classes = options.classes;
  for (const std::size_t i : features) names.push_back(columns.name(i));
  Array inputs(Shape{n, std::ssize(features)}, x);
  if (options.regress)
    return {TensorDataset(std::move(inputs), Array(Shape{n, 1}, values)), std::move(names), {}};
  if (classes.empty()) classes = sorted_classes(words);
  IntArray y = labels_of(words, classes);
  return {TensorDataset(std::move(inputs), std::move(y)), std::move(names), std::move(classes)};
}

}  // namespace kindling
