#include "learner/callbacks/metrics_cb.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <iterator>

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
  std::vector<std::string> taken = names();
  taken.insert(taken.end(), {"epoch", "split", "seconds"});
  const bool free = !name.empty() && name.find_first_of(",\r\n") == std::string::npos &&
                    std::find(taken.begin(), taken.end(), name) == taken.end();
  check<Error>(free, "metrics", "'", name,
               "': a name of its own without commas and line ends expected");
}

double MetricsCB::steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> MetricsCB::names() const {
  std::vector<std::string> names{"loss"};
  for (const auto& [name, metric] : metrics_) names.push_back(name);
  return names;
}

void MetricsCB::expect(const std::string& name, const char* who) const {
  std::string list;
  for (const std::string& known : names()) {
    if (known == name) return;
    list += (list.empty() ? "" : ", ") + known;
  }
  throw Error(str("[", who, "] no metric '", name, "'; there are ", list));
}

void MetricsCB::before_fit(Learner& learn) {
  check<Error>(!learn.metrics, "metrics", "two MetricsCB in one fit: one expected");
  learn.metrics = this;
  if (!learn.rehearses) history_.clear();
}

const MetricsRow& MetricsCB::latest() const {
  check<Error>(latest_.has_value(), "metrics",
               "this pass has no row yet: ask behind the MetricsCB, when it is over");
  return *latest_;
}

void MetricsCB::before_epoch(Learner&) {
  latest_.reset();
  loss_.reset();
  for (auto& [name, metric] : metrics_) metric->reset();
  began_ = clock();
}

void MetricsCB::after_batch(Learner& learn) {
  loss_.update(learn.loss.item(), static_cast<double>(learn.batch.size()));
  for (auto& [name, metric] : metrics_) metric->update(learn.preds.value(), learn.batch.y);
}

void MetricsCB::after_epoch(Learner& learn) {
  MetricsRow row{learn.epoch, learn.training, {{"loss", loss_.compute()}}, 0};
  for (auto& [name, metric] : metrics_) row.values.emplace_back(name, metric->compute());
  row.seconds = clock() - began_;
  latest_ = row;
  if (!learn.rehearses) history_.push_back(row);
  if (log) log(row);
}

void MetricsCB::cleanup_fit(Learner& learn) { learn.metrics = nullptr; }

void MetricsCB::state(Archive& archive) {
  double seconds = clock() - began_;
  archive("seconds", seconds);
  began_ = clock() - seconds;
  archive.in("loss", [&] { loss_.state(archive); });
  for (auto& [name, metric] : metrics_)
    archive.in("metric." + name, [&, m = metric.get()] { m->state(archive); });
  archive.in("history", [&] { history_state(archive); });
}

/// Column by column.
void MetricsCB::history_state(Archive& archive) {
  const std::vector<std::string> names = this->names();
  std::vector<Index> epochs, train;
  std::vector<double> seconds;
  std::vector<std::vector<double>> values(names.size());
  for (const MetricsRow& row : history_) {
    epochs.push_back(row.epoch);
    train.push_back(row.train);
    seconds.push_back(row.seconds);
    for (std::size_t i = 0; i < names.size(); ++i) values[i].push_back(row[names[i]]);
  }
  archive("epoch", epochs);
  archive("train", train);
  archive("seconds", seconds);
  bool even = train.size() == epochs.size() && seconds.size() == epochs.size();
  for (std::size_t i = 0; i < names.size(); ++i) {
    archive("value." + names[i], values[i]);
    even = even && values[i].size() == epochs.size();
  }
  archive.expect(even, "epoch", "columns of the same length");
  if (!archive.loading()) return;
  history_.clear();
  for (std::size_t k = 0; k < epochs.size(); ++k) {
    MetricsRow row{static_cast<int>(epochs[k]), train[k] != 0, {}, seconds[k]};
    for (std::size_t i = 0; i < names.size(); ++i) row.values.emplace_back(names[i], values[i][k]);
    history_.push_back(std::move(row));
  }
}

std::string MetricsCB::csv() const {
  std::string text = "epoch,split,loss";
  for (const auto& [name, metric] : metrics_) text += "," + name;
  text += ",seconds\n";
  // Not snprintf: a locale must not turn points into commas.
  const auto add = [&text](double value, std::chars_format format, int digits) {
    char number[400];  // 310 of them stand in front of the largest number's point
    text += ",";
    text.append(number, std::to_chars(number, std::end(number), value, format, digits).ptr);
  };
  for (const MetricsRow& row : history_) {
    text += std::to_string(row.epoch) + "," + row.split();
    for (const auto& [name, value] : row.values) add(value, std::chars_format::general, 9);
    add(row.seconds, std::chars_format::fixed, 3);
    text += "\n";
  }
  return text;
}

}  // namespace kindling
