#include "learner/callbacks/jsonl_logger.h"

#include "engine/error.h"
#include "learner/files/flat_json.h"

namespace kindling {

std::string JSONLLoggerCB::text(const MetricsCB& metrics) const {
  std::string lines;
  for (const MetricsRow& row : metrics.history()) {
    nlohmann::ordered_json line{{"epoch", row.epoch}, {"split", row.split()}};
    for (const auto& [name, value] : row.values) {
      check<Error>(!line.contains(name) && name != "seconds", "jsonl_logger", "'", name,
                   "': another name expected for a metric");
      line[name] = value;
    }
    line["seconds"] = row.seconds;
    lines += json_text(line, "[jsonl_logger]") + "\n";
  }
  return lines;
}

}  // namespace kindling
