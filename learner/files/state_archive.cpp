#include "learner/files/state_archive.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "learner/files/flat_json.h"

namespace kindling {

using nlohmann::json;

namespace {

const char* const kState = "state";

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
  if (!word.is_array()) return false;
  for (const json& each : word)
    if (!kind(each)) return false;
  return true;
}

// Whether a word of the file can be read as one of these, ...
bool fits(const json& word, const bool&) { return word.is_boolean(); }
bool fits(const json& word, const std::int64_t&) { return is_index(word); }
bool fits(const json& word, const std::uint64_t&) { return word.is_number_unsigned(); }
bool fits(const json& word, const double&) { return is_number(word); }
bool fits(const json& word, const std::string&) { return word.is_string(); }
bool fits(const json& word, const std::vector<double>&) { return is_list(word, is_number); }
bool fits(const json& word, const std::vector<Index>&) { return is_list(word, is_index); }

// ... and how.
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

template <class T>
void StateWriter::write(const std::string& name, const T& value) {
  const bool fresh = words_->object.emplace(path(name), value).second;
  check<Error>(fresh, "checkpoint", "'", path(name), "' is written twice");
}

void StateWriter::operator()(const std::string& name, bool& value) { write(name, value); }
void StateWriter::operator()(const std::string& name, std::int64_t& value) { write(name, value); }
void StateWriter::operator()(const std::string& name, std::uint64_t& value) { write(name, value); }
void StateWriter::operator()(const std::string& name, double& value) { write(name, number(value)); }
void StateWriter::operator()(const std::string& name, std::string& value) { write(name, value); }
void StateWriter::operator()(const std::string& name, std::vector<Index>& values) {
  write(name, values);
}
void StateWriter::operator()(const std::string& name, std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) list.push_back(number(value));
  write(name, list);
}
/// An array that is undefined is a word, null.
void StateWriter::operator()(const std::string& name, Array& value) {
  if (value.defined())
    arrays_.arrays.emplace_back(path(name), value);
  else
    write(name, nullptr);
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
  const auto text = state.metadata.find(kState);
  check<Error>(text != state.metadata.end(), "checkpoint", who_,
               ": holds weights alone, and no state to go on from");
  words_->object = parse_flat(text->second, 2);
  check<Error>(words_->object.is_object(), "checkpoint", who_, ": its state is not a JSON object");
  for (auto& [name, array] : state.arrays) arrays_.emplace(name, std::move(array));
  for (const auto& [name, word] : words_->object.items()) unread_.insert(name);
  for (const auto& [name, array] : arrays_) unread_.insert(name);
}
StateReader::~StateReader() = default;

template <class T>
void StateReader::read(const std::string& name, T& value, const char* kind) {
  const auto word = words_->object.find(path(name));
  expect(word != words_->object.end(), name, str(kind, ", got nothing"));
  expect(fits(*word, value), name, kind);
  assign(*word, value);
  unread_.erase(path(name));
}

void StateReader::operator()(const std::string& name, bool& value) { read(name, value, "a bool"); }
void StateReader::operator()(const std::string& name, std::int64_t& value) {
  read(name, value, "an integer");
}
void StateReader::operator()(const std::string& name, std::uint64_t& value) {
  read(name, value, "an integer of at least 0");
}
void StateReader::operator()(const std::string& name, double& value) {
  read(name, value, "a number");
}
void StateReader::operator()(const std::string& name, std::string& value) {
  read(name, value, "a text");
}
void StateReader::operator()(const std::string& name, std::vector<double>& values) {
  read(name, values, "a list of numbers");
}
void StateReader::operator()(const std::string& name, std::vector<Index>& values) {
  read(name, values, "a list of integers");
}
void StateReader::operator()(const std::string& name, Array& value) {
  unread_.erase(path(name));
  if (const auto found = arrays_.find(path(name)); found != arrays_.end()) {
    value = found->second;
    return;
  }
  const auto word = words_->object.find(path(name));
  expect(word != words_->object.end() && word->is_null(), name, "an array, got none");
  value = Array();
}

void StateReader::expect(bool ok, const std::string& name, const std::string& expected) const {
  check<Error>(ok, "checkpoint", who_, ": ", path(name), ": expected ", expected);
}

void StateReader::expect_all_read() const {
  check<Error>(unread_.empty(), "checkpoint", who_, ": holds '",
               unread_.empty() ? "" : *unread_.begin(), "', which nothing here asks for");
}

}  // namespace kindling
