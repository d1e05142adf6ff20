#include "learner/callbacks/jsonl_logger.h"

#include "learner/files/flat_json.h"

namespace kindling {

std::string JSONLLoggerCB::text(const MetricsCB& metrics) const {
  std::string lines;
  for (const MetricsRow& row : metrics.history()) {
    nlohmann::ordered_json line{{"epoch", row.epoch}, {"split", row.split()}};
    for (const auto& [name, value] : row.values) line[name] = value;
    line["seconds"] = row.seconds;
    lines += json_text(line, "[jsonl_logger]") + "\n";
  }
  return lines;
}

}  // namespace kindling
