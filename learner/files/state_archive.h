#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/archive.h"
#include "learner/files/safetensors.h"

namespace kindling {

/// An Archive in memory, as a safetensors file holds it: arrays under their names, and everything
/// else as one JSON object, name by name, in the metadata under "state". A long_list() is an array
/// too. Throws Error as soon as a name is used twice in the object; of two arrays only
/// write_safetensors() does.
class StateWriter : public Archive {
 public:
  static constexpr const char* kState = "state";  ///< The word in the metadata.

  StateWriter();
  ~StateWriter() override;

  bool loading() const override { return false; }
  void expect(bool ok, const std::string& name, const std::string& expected) const override;

  /// What was written so far. Throws Error for words that are not UTF-8.
  NamedArrays state() const;

 private:
  void visit(const std::string& name, Variable variable) override;
  struct Words;
  std::unique_ptr<Words> words_;
  NamedArrays arrays_;
};

/// Reads what a StateWriter wrote. Every complaint begins with `who`, such as a path.
class StateReader : public Archive {
 public:
  /// Throws Error when the metadata holds no state.
  StateReader(NamedArrays state, std::string who);
  ~StateReader() override;

  bool loading() const override { return true; }
  void expect(bool ok, const std::string& name, const std::string& expected) const override;

  /// Throws Error for the first name that was never asked for.
  void expect_all_read() const;

 private:
  void visit(const std::string& name, Variable variable) override;
  struct Words;
  std::unique_ptr<Words> words_;
  std::map<std::string, Array> arrays_;
  std::set<std::string> unread_;
  std::string who_;
};

}  // namespace kindling
