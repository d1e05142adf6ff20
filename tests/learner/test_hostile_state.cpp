// A checkpoint whose container is sound and whose words are not: each is refused by name, whatever
// it would have led to.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/learner/small_fit.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

using nlohmann::json;
using plot::testing::TemporaryFolder;

struct Lie {
  const char* word;
  const char* value;  ///< JSON; empty: the word is missing.
  const char* reason;
};

const Lie kLies[] = {
    {"position.epoch", "-1", "of epoch -1, which this fit does not have"},
    {"position.epoch", "3", "of epoch 3, which"},
    {"position.epoch", "4294967296", "position.epoch: expected an int, got 4294967296"},
    {"position.epoch", "9223372036854775808", "position.epoch: expected an integer"},
    {"position.epoch", "1e3", "position.epoch: expected an integer"},
    {"position.batch", "4", "stands at batch 4"},
    {"position.batch", "-9223372036854775808", "stands at batch -9223372036854775808"},
    {"position.shuffled", "false", "stands at batch 1"},
    {"position.shuffled", "1", "position.shuffled: expected a bool"},
    {"position.order.key", "-1", "position.order.key: expected an integer of at least 0"},
    {"random.default.counter", "", "random.default.counter: expected an integer"},
    {"optimizer.type", "\"SGD\"", "optimizer.type: expected AdamW, got SGD"},
    {"optimizer.lr", "-0.5", "optimizer.lr: expected a finite number"},
    {"optimizer.lr", "\"nan\"", "optimizer.lr: expected a finite number"},
    {"optimizer.lr", "[0.5]", "optimizer.lr: expected a number"},
    {"optimizer.beta1", "1", "optimizer.beta1: expected a number in [0, 1)"},
    {"optimizer.steps.0", "0", "optimizer.steps.0: expected a number of steps"},
    {"optimizer.steps.0", "9223372036854775807", "optimizer.steps.0: expected a number of steps"},
    {"gradient.0", "1", "gradient.0: expected an array, got none"},
    {"callbacks.metrics.metric.f1.counts", "[1,2,3]", "f1.counts: expected 4 counts"},
    {"callbacks.metrics.metric.f1.counts", "[1,2,3,-1]", "f1.counts: expected 4 counts"},
    {"callbacks.metrics.metric.f1.counts", "[1,1,9223372036854775807,1]", "expected 4 counts"},
    {"callbacks.metrics.metric.f1.counts", "[9007199254740992,0,0,1]", "expected 4 counts"},
    {"callbacks.metrics.history.epoch", "[1]", "columns of the same length"},
    {"callbacks.metrics.history.epoch", "[[1]]", "its state is not a JSON object"},
    {"callbacks.progress.batches", "9223372036854775807", "expected a number of batches"},
    {"callbacks.progress.valid_losses", "[1]", "valid_losses_at: expected 1 places"},
    {"callbacks.progress.losses", "[1,null]", "losses: expected a list of numbers"},
    {"callbacks.activation_stats.layers", "3", "activation_stats.layers: expected 2, got 3"},
    {"callbacks.ema.steps", "-1", "callbacks.ema.steps: expected a number of steps"},
    {"callbacks.ema.steps", "9223372036854775807", "expected a number of steps"},
    {"callbacks.ema.shown", "1", "callbacks.ema.shown: expected a bool"},
    {"callbacks.ema.decay", "0.5", "callbacks.ema.decay: expected 0.8, got 0.5"},
    {"callbacks.gradient_accumulation.gathered", "1", "gathered: expected 0 to 0 batches"},
    {"callbacks.gradient_accumulation.rows", "4", "rows: expected those of 0 batches"},
    {"callbacks.gradient_accumulation.unit", "-1", "unit: expected at least 0 rows"},
    {"callbacks.gradient_accumulation.unit", "9223372036854775807", "at least 0 rows"},
    {"callbacks.early_stopping.bad", "4", "early_stopping.bad: expected 0 to 3 validations"},
    {"callbacks.early_stopping.bad", "-1", "early_stopping.bad: expected 0 to 3 validations"},
    {"callbacks.early_stopping.stopped", "", "stopped: expected a bool, got nothing"},
    {"callbacks.plateau.metric", "\"accuracy\"", "plateau.metric: expected loss, got accuracy"},
    {"callbacks.plateau.cooling", "3", "plateau.cooling: expected 0 to 2 validations"},
    {"callbacks.plateau.cooling", "-1", "plateau.cooling: expected 0 to 2 validations"},
    {"callbacks.max_time.spent", "-1", "max_time.spent: expected a number of at least 0"},
    {"callbacks.max_time.spent", "\"nan\"", "max_time.spent: expected a number of at least 0"},
    {"callbacks.update_stats.weights", "3", "update_stats.weights: expected 2, got 3"},
    {"callbacks.update_stats.0.weight.ratios", "[1,2]", "ratios: expected 1 numbers"},
    {"surplus", "0", "holds 'surplus', which nothing here asks for"},
};

/// A fit behind its first batch, and the checkpoint of it.
struct Saved {
  TemporaryFolder folder;
  std::string path = folder.file("last.safetensors");
  SmallFit fit;
  NamedArrays whole;
  Saved() {
    fit.run(1);
    fit.save(path);
    whole = read_safetensors(path);
  }
  std::string refusal(const NamedArrays& lie) {
    write_safetensors(path, lie);
    return message_of([&] { fit.restore(Checkpoint(path)); });
  }
};

}  // namespace

TEST_CASE("checkpoint: a word that makes no sense is refused by name") {
  Saved saved;
  for (const Lie& one : kLies) {
    const std::string word = one.word, value = one.value;
    CAPTURE(word);
    CAPTURE(value);
    NamedArrays lie = saved.whole;
    json state = json::parse(lie.metadata.at("state"));
    state.erase(word);
    if (!value.empty()) state[word] = json::parse(value);
    lie.metadata["state"] = state.dump();
    const std::string message = saved.refusal(lie);
    CHECK(begins(message, "[checkpoint] \"" + saved.path + "\": "));
    CHECK_MESSAGE(contains(message, one.reason), message);
  }
  write_safetensors(saved.path, saved.whole);
  CHECK(saved.fit.restore(Checkpoint(saved.path)));
}

TEST_CASE("checkpoint: an array of another shape is refused by name") {
  Saved saved;
  for (std::size_t i = 0; i < saved.whole.arrays.size(); ++i) {
    const std::string& name = saved.whole.arrays[i].first;
    CAPTURE(name);
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{5, 1}, Shape{1, 2, 3}}) {
      if (saved.whole.arrays[i].second.shape() == shape) continue;
      NamedArrays lie = saved.whole;
      lie.arrays[i].second = Array(shape, 0);
      const std::string message = saved.refusal(lie);
      const bool model = begins(name, "model.");
      CHECK_MESSAGE(contains(message, model ? name.substr(6) : name), message);
    }
    NamedArrays lie = saved.whole;
    lie.arrays[i].first += "x";
    const std::string message = saved.refusal(lie);
    CHECK(begins(message, "[checkpoint] \"" + saved.path + "\": "));
  }
}

}  // namespace kindling::test
