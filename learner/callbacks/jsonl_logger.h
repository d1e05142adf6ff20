#pragma once

#include <string>

#include "learner/callbacks/csv_logger.h"

namespace kindling {

/// The rows of the MetricsCB as JSON, a line each, where CSVLoggerCB writes a table:
///
///     {"epoch":0,"split":"train","loss":0.5,"accuracy":0.75,"seconds":1.5}
///
/// What is not finite is null. Throws Error for a metric whose name is not UTF-8.
class JSONLLoggerCB : public CSVLoggerCB {
 public:
  using CSVLoggerCB::CSVLoggerCB;  ///< Takes the path of the file.

 protected:
  std::string text(const MetricsCB& metrics) const override;
};

}  // namespace kindling
