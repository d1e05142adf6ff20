#include "learner/callbacks/recorder_cb.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "learner/plot/figure.h"
#include "learner/plot/png.h"

namespace kindling {

void RecorderCB::add(const std::string& name, Quantity quantity, RecordAt at) {
  for (const Record& record : records_)
    check<Error>(record.name != name, "recorder", "'", name, "' is there already");
  check<Error>(!name.empty() && quantity, "recorder", "'", name,
               "': a name and a function expected");
  records_.push_back({name, std::move(quantity), at, {}});
}

const std::vector<double>& RecorderCB::operator[](const std::string& name) const {
  for (const Record& record : records_)
    if (record.name == name) return record.values;
  throw Error("[recorder] there is no '" + name + "'");
}

plot::Canvas RecorderCB::picture() const {
  constexpr std::size_t kDense = 700;  // points that lines become thin for
  const int panels = std::max(static_cast<int>(records_.size()), 1);
  plot::Figure figure(panels, 1, 520, panels == 1 ? 290 : 170);
  figure.at(0).x_label("batch");  // an empty plot is one too
  const char* const labels[] = {"batch", "step", "batch of validation"};
  for (int i = 0; i < static_cast<int>(records_.size()); ++i) {
    const auto& [name, quantity, at, values] = records_[static_cast<std::size_t>(i)];
    std::vector<double> numbers(values.size());
    std::iota(numbers.begin(), numbers.end(), 1.0);
    figure.at(i)
        .title(name)
        .x_label(labels[static_cast<int>(at)])
        .x_integers()
        .line(numbers, values, "", {.width = values.size() > kDense ? 0.9 : 1.6});
  }
  return figure.render();
}

void RecorderCB::plot(const std::string& path) const { plot::write_png(path, picture()); }

void RecorderCB::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  for (Record& record : records_) record.values.clear();
}

void RecorderCB::ask(const Learner& learn, RecordAt now) {
  if (learn.rehearses) return;
  for (Record& record : records_)
    if (record.at == now) record.values.push_back(record.quantity(learn));
}

void RecorderCB::state(Archive& archive) {
  for (Record& record : records_) archive(record.name, record.values);
}

}  // namespace kindling
