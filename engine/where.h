#pragma once

#include <chrono>
#include <string>

namespace kindling {

/// Which module is at work, for those who report on ops (anomaly.h, trace.h). Modules say so as
/// they begin; it costs one look at a number, and only while somebody has asked are names kept.
namespace where {

/// While one of these lives, this thread keeps the names of modules.
class Asked {
 public:
  Asked();
  ~Asked();
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
};

/// The module whose forward() runs, for as long as it does.
class Inside {
 public:
  explicit Inside(const std::string& module);  ///< Its name in the module around it, such as "0".
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool kept_;
};

/// "1.0", from the outside in; empty outside of every module.
std::string path();
/// When the last module began.
std::chrono::steady_clock::time_point entered();

}  // namespace where

}  // namespace kindling
