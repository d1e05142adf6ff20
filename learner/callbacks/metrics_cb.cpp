#include "learner/callbacks/metrics_cb.h"

#include <cstdio>

#include "engine/error.h"

namespace kindling {

double MetricsRow::operator[](const std::string& name) const {
  for (const auto& [key, value] : values)
    if (key == name) return value;
  throw Error("[metrics] there is no '" + name + "' in the row");
}

void MetricsCB::print(const MetricsRow& row) {
  for (const auto& [name, value] : row.values) std::printf("%s %.4f  ", name.c_str(), value);
  std::printf("epoch %d  %s\n", row.epoch, row.split());
}

void MetricsCB::check_name(const std::string& name) const {
  bool free = !name.empty() && name != "loss" && name.find_first_of(",\n") == std::string::npos;
  for (const auto& [taken, metric] : metrics_) free = free && name != taken;
  check<Error>(free, "metrics", "'", name, "': a name of its own without commas expected");
}

void MetricsCB::before_fit(Learner& learn) {
  learn.metrics = this;
  history_.clear();
}

void MetricsCB::before_epoch(Learner&) {
  loss_.reset();
  for (auto& [name, metric] : metrics_) metric->reset();
  began_ = std::chrono::steady_clock::now();
}

void MetricsCB::after_batch(Learner& learn) {
  loss_.update(learn.loss.item(), static_cast<double>(learn.batch.size()));
  for (auto& [name, metric] : metrics_) metric->update(learn.preds.value(), learn.batch.y);
}

void MetricsCB::after_epoch(Learner& learn) {
  MetricsRow row{learn.epoch, learn.training, {{"loss", loss_.compute()}}, 0};
  for (auto& [name, metric] : metrics_) row.values.emplace_back(name, metric->compute());
  row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  history_.push_back(row);
  if (log) log(row);
}

void MetricsCB::cleanup_fit(Learner& learn) { learn.metrics = nullptr; }

std::string MetricsCB::csv() const {
  std::string text = "epoch,split,loss";
  for (const auto& [name, metric] : metrics_) text += "," + name;
  text += ",seconds\n";
  char number[64];
  for (const MetricsRow& row : history_) {
    text += std::to_string(row.epoch) + "," + row.split();
    for (const auto& [name, value] : row.values) {
      std::snprintf(number, sizeof number, ",%.9g", value);
      text += number;
    }
    std::snprintf(number, sizeof number, ",%.3f\n", row.seconds);
    text += number;
  }
  return text;
}

}  // namespace kindling
