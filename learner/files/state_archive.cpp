#include "learner/files/state_archive.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "learner/files/flat_json.h"

namespace kindling {

using nlohmann::json;

namespace {

/// JSON has no NaN and no infinity; they are written as words.
json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

bool is_number(const json& word) {
  return word.is_number() || word == "nan" || word == "inf" || word == "-inf";
}

double as_number(const json& word) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (word.is_number()) return word.get<double>();
  return word == "nan"   ? std::numeric_limits<double>::quiet_NaN()
         : word == "inf" ? infinity
                         : -infinity;
}

bool is_index(const json& word) {
  return word.is_number_integer() &&
         (!word.is_number_unsigned() ||
          word.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<Index>::max()});
}

bool is_list(const json& word, bool (*kind)(const json&)) {
  return word.is_array() && std::all_of(word.begin(), word.end(), kind);
}

/// A list from this length on is not written into the header, which must not grow without bounds.
constexpr std::size_t kLongList = 1000;
constexpr Index kMostRows = 3;  // that many floats hold the 53 bits of a double

/// A long list as an array (rows, length) whose columns add up to its numbers, exactly; most need
/// a single row. Undefined for a short list, and where there is no such array.
Array as_rows(const auto& values) {
  if (values.size() < kLongList) return {};
  const auto n = static_cast<Index>(values.size());
  Array rows({kMostRows, n}, Scalar{0});
  Index used = 1;
  for (Index i = 0; i < n; ++i) {
    const auto value = values[static_cast<std::size_t>(i)];
    if constexpr (std::is_integral_v<decltype(value)>)
      if (value > Archive::kMaxCount || value < -Archive::kMaxCount) return {};
    auto rest = static_cast<double>(value);
    for (Index row = 0; row < kMostRows && (row == 0 || rest != 0); ++row) {
      if (std::isfinite(rest) && std::abs(rest) > std::numeric_limits<Scalar>::max()) return {};
      const auto part = static_cast<Scalar>(rest);
      rows.data()[row * n + i] = part;
      rest = std::isfinite(rest) ? rest - static_cast<double>(part) : 0;
      used = std::max(used, row + 1);
    }
    if (rest != 0) return {};
  }
  Array result({used, n});
  std::copy_n(rows.data(), result.size(), result.data());
  return result;
}

bool holds_rows(const Array& rows) {
  return rows.shape().rank() == 2 && rows.shape()[0] >= 1 && rows.shape()[0] <= kMostRows;
}

double number_in(const Array& rows, Index i) {
  double rest = 0;
  const Index n = rows.shape()[1];
  for (Index row = rows.shape()[0] - 1; row > 0; --row)
    rest += static_cast<double>(rows[row * n + i]);
  const auto first = static_cast<double>(rows[i]);
  return rest == 0 ? first : rest + first;  // -0 stays -0
}

/// Whether they were numbers of this kind.
bool from_rows(const Array& rows, std::vector<double>& values) {
  if (!holds_rows(rows)) return false;
  values.clear();
  for (Index i = 0; i < rows.shape()[1]; ++i) values.push_back(number_in(rows, i));
  return true;
}
bool from_rows(const Array& rows, std::vector<Index>& values) {
  std::vector<double> numbers;
  if (!from_rows(rows, numbers)) return false;
  values.clear();
  for (const double number : numbers) {
    const bool whole =
        std::abs(number) <= static_cast<double>(Archive::kMaxCount) && number == std::floor(number);
    if (!whole) return false;
    values.push_back(static_cast<Index>(number));
  }
  return true;
}

template <class T>
constexpr bool is_list_type =
    std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::vector<Index>>;

// Every type of variable as a word, ...
json as_word(double value) { return number(value); }
json as_word(const std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) list.push_back(number(value));
  return list;
}
json as_word(const auto& value) { return value; }

// ... what it expects of the word it is read from, ...
struct Kind {
  const char* name;
  bool (*fits)(const json&);
};
Kind kind(bool) {
  return {"a bool", [](const json& word) { return word.is_boolean(); }};
}
Kind kind(std::int64_t) { return {"an integer", is_index}; }
Kind kind(std::uint64_t) {
  return {"an integer of at least 0", [](const json& word) { return word.is_number_unsigned(); }};
}
Kind kind(double) { return {"a number", is_number}; }
Kind kind(const std::string&) {
  return {"a text", [](const json& word) { return word.is_string(); }};
}
Kind kind(const std::vector<double>&) {
  return {"a list of numbers", [](const json& word) { return is_list(word, is_number); }};
}
Kind kind(const std::vector<Index>&) {
  return {"a list of integers", [](const json& word) { return is_list(word, is_index); }};
}

// ... and how it is read.
void assign(const json& word, double& value) { value = as_number(word); }
void assign(const json& word, std::vector<double>& values) {
  values.clear();
  for (const json& each : word) values.push_back(as_number(each));
}
void assign(const json& word, auto& value) { word.get_to(value); }

}  // namespace

struct StateWriter::Words {
  json object = json::object();
};

StateWriter::StateWriter() : words_(std::make_unique<Words>()) {}
StateWriter::~StateWriter() = default;

/// An array that is undefined is a word, null.
void StateWriter::visit(const std::string& name, Variable variable) {
  const auto write = [&](const json& word) {
    const bool fresh = words_->object.emplace(path(name), word).second;
    check<Error>(fresh, "checkpoint", "'", path(name), "' is written twice");
  };
  std::visit(
      [&]<class T>(const T* value) {
        Array array;
        if constexpr (std::is_same_v<T, Array>) array = *value;
        if constexpr (is_list_type<T>) array = as_rows(*value);
        if (array.defined())
          arrays_.arrays.emplace_back(path(name), array);
        else if constexpr (std::is_same_v<T, Array>)
          write(nullptr);
        else
          write(as_word(*value));
      },
      variable);
}

void StateWriter::expect(bool ok, const std::string& name, const std::string& expected) const {
  check<Error>(ok, "checkpoint", path(name), ": expected ", expected);
}

NamedArrays StateWriter::state() const {
  NamedArrays result = arrays_;
  result.metadata[kState] = json_text(words_->object, "[checkpoint] state");
  return result;
}

struct StateReader::Words {
  json object;
};

StateReader::StateReader(NamedArrays state, std::string who)
    : words_(std::make_unique<Words>()), who_(std::move(who)) {
  const auto text = state.metadata.find(StateWriter::kState);
  check<Error>(text != state.metadata.end(), "checkpoint", who_,
               ": holds weights alone, and no state to go on from");
  words_->object = parse_flat(text->second, 2);
  check<Error>(words_->object.is_object(), "checkpoint", who_, ": its state is not a JSON object");
  for (auto& [name, array] : state.arrays) arrays_.emplace(name, std::move(array));
  for (const auto& [name, word] : words_->object.items()) unread_.insert(name);
  for (const auto& [name, array] : arrays_) unread_.insert(name);
}
StateReader::~StateReader() = default;

void StateReader::visit(const std::string& name, Variable variable) {
  unread_.erase(path(name));
  const auto word = words_->object.find(path(name));
  const bool found = word != words_->object.end();
  std::visit(
      [&]<class T>(T* value) {
        if constexpr (std::is_same_v<T, Array>) {
          const auto array = arrays_.find(path(name));
          expect(array != arrays_.end() || (found && word->is_null()), name, "an array, got none");
          *value = array == arrays_.end() ? Array() : array->second;
        } else {
          const Kind expected = kind(*value);
          if constexpr (is_list_type<T>)
            if (const auto array = arrays_.find(path(name)); array != arrays_.end()) {
              expect(from_rows(array->second, *value), name, expected.name);
              return;
            }
          expect(found, name, str(expected.name, ", got nothing"));
          expect(expected.fits(*word), name, expected.name);
          assign(*word, *value);
        }
      },
      variable);
}

void StateReader::expect(bool ok, const std::string& name, const std::string& expected) const {
  check<Error>(ok, "checkpoint", who_, ": ", path(name), ": expected ", expected);
}

void StateReader::expect_all_read() const {
  check<Error>(unread_.empty(), "checkpoint", who_, ": holds '",
               unread_.empty() ? "" : *unread_.begin(), "', which nothing here asks for");
}

}  // namespace kindling
