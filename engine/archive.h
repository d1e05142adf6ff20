#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/array.h"
#include "engine/error.h"

namespace kindling {

/// Where a state goes, or comes from. Whatever must outlive the process walks through its state in
/// one function, for both ways, so that what is written and what is read cannot drift apart:
///
///     void Mean::state(Archive& archive) {
///       archive("sum", sum_);
///       archive("weight", weight_);
///     }
///
/// An archive that saves reads the variables; one that loads sets them, and throws Error, naming
/// the thing, when it holds nothing of that name or something else. What it holds comes from a file
/// and is not to be believed: expect() is for what else must be true of it.
class Archive {
 public:
  virtual ~Archive() = default;
  virtual bool loading() const = 0;  ///< Variables are set, as against read.

  /// A variable of one of these types. A double may be NaN or infinite, an Array undefined.
  using Variable = std::variant<bool*, std::int64_t*, std::uint64_t*, double*, std::string*,
                                std::vector<double>*, std::vector<Index>*, Array*>;
  /// Saves or loads a variable. Each name is for one variable.
  template <class T>
  void operator()(const std::string& name, T& value) {
    visit(name, &value);
  }
  /// Throws Error for a number that is no int.
  void operator()(const std::string& name, int& value);

  /// No counter in a file may be larger, so that none overflows when it is added to.
  static constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;

  /// A setting, which is not loaded: throws Error unless what was saved is the same.
  template <class T>
  void same(const std::string& name, const T& setting) {
    T saved = setting;
    (*this)(name, saved);
    expect(saved == setting, name, str(setting, ", got ", saved));
  }

  /// A variable of which something else must be true too: one that is refused stays what it was.
  template <class T, class Fits>
  void checked(const std::string& name, T& value, const Fits& fits, const std::string& expected) {
    T found = value;
    (*this)(name, found);
    expect(fits(found), name, expected);
    value = std::move(found);
  }

  /// Throws Error "NAME: expected EXPECTED" unless ok.
  virtual void expect(bool ok, const std::string& name, const std::string& expected) const = 0;

  /// What body archives has "name." before its own names.
  template <class Body>
  void in(const std::string& name, const Body& body) {
    const std::string before = prefix_;
    prefix_ += name + ".";
    body();
    prefix_ = before;
  }

 protected:
  /// What an archive does with a variable; `name` is as it was given, without what in() adds.
  virtual void visit(const std::string& name, Variable variable) = 0;
  /// The whole name, with all that in() adds.
  std::string path(const std::string& name) const { return prefix_ + name; }

 private:
  std::string prefix_;
};

}  // namespace kindling
