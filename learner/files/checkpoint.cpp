#include "learner/files/checkpoint.h"

#include <nlohmann/json.hpp>
#include <set>

#include "engine/error.h"
#include "learner/files/flat_json.h"
#include "learner/files/state_archive.h"
#include "learner/files/state_dict.h"

namespace kindling {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kModel = "model.", kSettings = "settings";

/// What a fit knows of itself, beside what the program says of it.
Settings with_own(Settings settings, const Learner& learn) {
  const auto rows = [](const DataLoader& dl) { return str(dl.dataset().size()); };
  const Settings own{{"epochs", str(learn.n_epochs)},
                     {"passes", str(learn.trains ? "train" : "", learn.validates ? " valid" : "")},
                     {"training-rows", rows(learn.dls.train)},
                     {"validation-rows", rows(learn.dls.valid)},
                     {"batch-size", str(learn.dls.train.batch_size())},
                     {"batches", str(learn.dls.train.size())},
                     {"validation-batches", str(learn.dls.valid.size())},
                     {"precision", sizeof(Scalar) == sizeof(float) ? "float" : "double"}};
  for (const auto& [name, value] : own)
    check<Error>(settings.emplace(name, value).second, "checkpoint", "setting '", name,
                 "': another name expected, the checkpoint writes one of that name itself");
  return settings;
}

void check_settings(const Settings& saved, const Settings& ours, const fs::path& path) {
  std::set<std::string> names;
  for (const auto& [name, value] : saved) names.insert(name);
  for (const auto& [name, value] : ours) names.insert(name);
  const auto value_in = [](const Settings& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string("nothing") : found->second;
  };
  std::string differences;
  for (const std::string& name : names) {
    const std::string there = value_in(saved, name), here = value_in(ours, name);
    if (there != here)
      differences +=
          str(differences.empty() ? "" : "; ", name, " ", there, " there, ", here, " here");
  }
  check<Error>(differences.empty(), "checkpoint", path, ": of another fit: ", differences);
}

void random_state(Archive& archive, const std::string& name, Random::State& state) {
  archive.in(name, [&] {
    archive("key", state.key);
    archive("counter", state.counter);
  });
}

/// The streams a fit draws from.
void streams_state(Archive& archive, Learner& learn) {
  const auto stream = [&](const std::string& name, Random* random) {
    if (!random || (random == &default_random() && name != "default")) return;
    Random::State state = random->state();
    random_state(archive, name, state);
    random->set_state(state);
  };
  archive.in("random", [&] {
    stream("default", &default_random());
    stream("train", learn.dls.train.random());
    stream("valid", learn.dls.valid.random());
  });
}

void callbacks_state(Archive& archive, Learner& learn) {
  archive.in("callbacks", [&] {
    for (Callback* cb : learn.callbacks())
      if (const std::string name = cb->state_name(); !name.empty())
        archive.in(name, [&] { cb->state(archive); });
  });
}

void position_state(Archive& archive, Position& at) {
  archive.in("position", [&] {
    archive("epoch", at.epoch);
    archive("training", at.training);
    archive("batch", at.batch);
    bool shuffled = at.order.has_value();
    archive("shuffled", shuffled);
    Random::State order = at.order.value_or(Random::State{});
    random_state(archive, "order", order);
    at.order = shuffled ? std::optional(order) : std::nullopt;
  });
}

/// Gradients that outlive a batch (MomentumLearner).
void gradients_state(Archive& archive, Learner& learn) {
  std::size_t i = 0;
  for (Tensor parameter : learn.opt->parameters()) {
    const std::string name = str("gradient.", i++);
    Array grad = parameter.grad();
    archive(name, grad);
    const bool wanted = parameter.requires_grad();  // and not frozen
    archive.expect(!grad.defined() || (wanted && grad.shape() == parameter.shape()), name,
                   wanted ? str("an array ", parameter.shape()) : "none");
    if (archive.loading() && wanted) parameter.set_grad(std::move(grad));
  }
}

/// All but the model and the callbacks.
void fit_state(Archive& archive, Learner& learn, Position& at) {
  position_state(archive, at);
  streams_state(archive, learn);
  archive.in("optimizer", [&] { learn.opt->state(archive); });
  gradients_state(archive, learn);
}

void check_position(const Position& at, const Learner& learn, const fs::path& path) {
  const DataLoader& dl = at.training ? learn.dls.train : learn.dls.valid;
  const bool makes_pass = at.training ? learn.trains : learn.validates;
  const bool begins = at.batch == 0 && !at.order;
  const bool fits = at.epoch >= 0 && at.epoch <= learn.n_epochs && at.batch >= 0 &&
                    at.batch <= dl.size() && (begins || at.order.has_value() == dl.shuffles()) &&
                    (begins || (makes_pass && at.epoch < learn.n_epochs));
  check<Error>(fits, "checkpoint", path, ": stands at batch ", at.batch, " of epoch ", at.epoch,
               ", which this fit does not have");
}

/// Splits off the arrays whose names begin with "model.".
NamedArrays split_model(NamedArrays& file) {
  NamedArrays model, rest;
  rest.metadata = std::move(file.metadata);
  for (auto& [name, array] : file.arrays) {
    if (name.starts_with(kModel))
      model.arrays.emplace_back(name.substr(kModel.size()), std::move(array));
    else
      rest.arrays.emplace_back(name, std::move(array));
  }
  file = std::move(rest);
  return model;
}

/// Others may have settings too.
bool is_checkpoint(const NamedArrays& file) {
  return file.metadata.contains(kSettings) && file.metadata.contains(StateWriter::kState);
}

}  // namespace

void check_names(const Settings& settings, const Learner& learn) { with_own(settings, learn); }

void save_checkpoint(const fs::path& path, Learner& learn, const Position& next,
                     Settings settings) {
  StateWriter archive;
  Position at = next;
  fit_state(archive, learn, at);
  callbacks_state(archive, learn);
  NamedArrays file = state_dict(learn.model);
  for (auto& [name, array] : file.arrays) name = kModel + name;
  NamedArrays state = archive.state();
  std::move(state.arrays.begin(), state.arrays.end(), std::back_inserter(file.arrays));
  file.metadata = std::move(state.metadata);
  file.metadata[kSettings] =
      json_text(json(with_own(std::move(settings), learn)), str("[checkpoint] ", path));
  write_safetensors(path, file);
}

Checkpoint::Checkpoint(const fs::path& path) : Checkpoint(read_safetensors(path), path) {}

Checkpoint::Checkpoint(NamedArrays file, const fs::path& path)
    : path_(path), state_(std::move(file)) {
  check<Error>(is_checkpoint(state_), "checkpoint", path,
               ": holds weights alone, and no state to go on from");
  model_ = split_model(state_);
  const json settings = parse_flat(state_.metadata.at(kSettings), 1);
  bool words = settings.is_object();
  for (const json& value : settings) words = words && value.is_string();
  check<Error>(words, "checkpoint", path, ": its settings are not a JSON object of texts");
  settings.get_to(settings_);
}

void Checkpoint::restore(Learner& learn, Settings settings) const {
  check_settings(settings_, with_own(std::move(settings), learn), path_);
  StateReader archive(state_, str(path_));
  Position at;
  position_state(archive, at);
  check_position(at, learn, path_);
  try {
    load_state_dict(learn.model, model_);
  } catch (const Error& error) {
    throw Error(str("[checkpoint] ", path_, ": of another model: ", error.what()));
  }
  fit_state(archive, learn, at);
  callbacks_state(archive, learn);
  archive.expect_all_read();
  learn.start = at;
}

void Checkpoint::restore_callbacks(Learner& learn) const {
  StateReader archive(state_, str(path_));
  streams_state(archive, learn);
  callbacks_state(archive, learn);
}

NamedArrays read_weights(const fs::path& path) {
  NamedArrays file = read_safetensors(path);
  if (!is_checkpoint(file)) return file;
  const Checkpoint checkpoint(std::move(file), path);
  NamedArrays weights = checkpoint.model();
  weights.metadata = checkpoint.settings();
  return weights;
}

}  // namespace kindling
