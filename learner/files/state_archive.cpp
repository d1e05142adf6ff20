#include "learner/files/state_archive.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "learner/files/flat_json.h"
#include "learner/files/long_list.h"

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
        if constexpr (is_list_type<T>) array = long_list(*value);
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
              expect(read_long_list(array->second, *value), name, expected.name);
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
