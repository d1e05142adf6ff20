#include "learner/callbacks/recorder_cb.h"

#include <utility>

#include "engine/error.h"

namespace kindling {

void RecorderCB::add(const std::string& name, Quantity quantity) {
  for (const plot::Series& record : records_)
    check<Error>(record.name != name, "recorder", "'", name, "' is there already");
  check<Error>(!name.empty() && quantity, "recorder", "'", name,
               "': a name and a function expected");
  quantities_.push_back(std::move(quantity));
  records_.push_back({name, {}});
}

const std::vector<double>& RecorderCB::operator[](const std::string& name) const {
  for (const plot::Series& record : records_)
    if (record.name == name) return record.values;
  throw Error("[recorder] there is no '" + name + "'");
}

void RecorderCB::plot(const std::string& path) const { plot::series(path, records_); }

void RecorderCB::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  for (plot::Series& record : records_) record.values.clear();
}

void RecorderCB::after_batch(Learner& learn) {
  if (!learn.training || learn.rehearses) return;
  for (std::size_t i = 0; i < quantities_.size(); ++i)
    records_[i].values.push_back(quantities_[i](learn));
}

void RecorderCB::state(Archive& archive) {
  for (plot::Series& record : records_) archive(record.name, record.values);
}

}  // namespace kindling
