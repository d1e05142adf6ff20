#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/plain.h"

namespace kindling::test {

/// As much JSON as the files of tests/fixtures need: objects, arrays, numbers, true and false, and
/// strings without escapes. Members that are not there throw std::out_of_range.
struct Json {
  std::map<std::string, Json> members;
  std::vector<Json> items;
  std::string text;
  double number = 0;  ///< 1 for true.

  const Json& operator[](const std::string& name) const { return members.at(name); }
  std::vector<double> numbers() const {
    std::vector<double> result;
    for (const Json& item : items) result.push_back(item.number);
    return result;
  }
  Shape shape() const {
    std::vector<Index> dims;
    for (const Json& item : items) dims.push_back(static_cast<Index>(item.number));
    return Shape(std::span<const Index>(dims));
  }
  /// {"shape": [...], "values": [...]}
  Plain plain() const { return {(*this)["shape"].shape(), (*this)["values"].numbers()}; }
};

class JsonReader {
 public:
  explicit JsonReader(const char* at) : at_(at) {}

  Json read() {
    Json json;
    if (take('{')) {
      if (take('}')) return json;
      do {
        const std::string name = read_string();
        expect(':');
        json.members.emplace(name, read());
      } while (take(','));
      expect('}');
    } else if (take('[')) {
      if (take(']')) return json;
      do json.items.push_back(read());
      while (take(','));
      expect(']');
    } else if (peek() == '"') {
      json.text = read_string();
    } else if (peek() == 't' || peek() == 'f') {
      json.number = *at_ == 't';
      at_ += *at_ == 't' ? 4 : 5;
    } else {
      char* end = nullptr;
      json.number = std::strtod(at_, &end);
      if (end == at_) throw std::runtime_error("JSON: a value expected");
      at_ = end;
    }
    return json;
  }

 private:
  char peek() {
    while (*at_ == ' ' || *at_ == '\n') ++at_;
    return *at_;
  }
  bool take(char c) { return peek() == c && ++at_; }
  void expect(char c) {
    if (!take(c)) throw std::runtime_error(std::string("JSON: expected ") + c);
  }
  std::string read_string() {
    expect('"');
    std::string text;
    while (*at_ && *at_ != '"') text += *at_++;
    expect('"');
    return text;
  }

  const char* at_;
};

/// Throws std::runtime_error when the file is not there.
inline std::string read_fixture(const std::string& name) {
  const std::string path = std::string(KINDLING_FIXTURES) + "/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The cases that ops.json, or another file, has under a key.
inline std::vector<Json> reference_cases(const std::string& key,
                                         const std::string& file = "ops.json") {
  static std::map<std::string, Json> files;
  if (!files.contains(file)) files[file] = JsonReader(read_fixture(file).c_str()).read();
  return files[file][key].items;
}

/// Images from (N,C,H,W) to ours; anything else as it is.
inline Plain nhwc(const Plain& x) {
  const Shape& s = x.shape;
  if (s.rank() != 4) return x;
  return build({s[0], s[2], s[3], s[1]}, [&](const Position& p) {
    return x.at({p[0], p[3], p[1], p[2]});
  });
}

/// From PyTorch's layout to ours: a convolution's (M,C,KH,KW) to (KH,KW,C,M), a dense layer's
/// (out,in) to (in,out), anything with one axis as it is.
inline Plain from_torch(const Plain& w) {
  const Shape& s = w.shape;
  if (s.rank() == 4)
    return build({s[2], s[3], s[1], s[0]}, [&](const Position& p) {
      return w.at({p[3], p[2], p[0], p[1]});
    });
  if (s.rank() == 2)
    return build({s[1], s[0]}, [&](const Position& p) { return w.at({p[1], p[0]}); });
  return w;
}

/// The shape alone.
inline Shape from_torch(const Shape& s) {
  return s.rank() == 4 ? Shape{s[2], s[3], s[1], s[0]} : s.rank() == 2 ? Shape{s[1], s[0]} : s;
}

}  // namespace kindling::test
