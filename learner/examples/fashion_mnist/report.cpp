// The page and the pictures of a training, once more, from its checkpoint.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/out_folder.h"
#include "learner/examples/fashion_mnist/page.h"
#include "learner/examples/fashion_mnist/print_json.h"
#include "learner/examples/fashion_mnist/split.h"
#include "learner/examples/fashion_mnist/watchers.h"

namespace kindling {

namespace {

/// Ends a fit that goes on from a checkpoint as it was interrupted: at the batch behind which that
/// was saved, before another one is trained. (A fit that was over has none, and ends by itself.)
class NoFurtherCB : public Callback {
 public:
  NoFurtherCB() : Callback(callback_order::kCheckpoint) {}

  void before_fit(Learner& learn) override {
    if (learn.rehearses || learn.start->epoch == learn.n_epochs) return;
    const Position& next = *learn.start;
    const bool between = next.batch == 0;  // two passes
    learn.training = next.training;
    learn.epoch = between && next.training ? next.epoch - 1 : next.epoch;
    learn.dl = between ? nullptr : next.training ? &learn.dls.train : &learn.dls.valid;
    learn.iter = next.batch - 1;
    throw CancelFit();
  }
};

}  // namespace

void report(const Options& options) {
  const Checkpoint& checkpoint = options.checkpoint.value();
  const int number = model_of(checkpoint), models = named_recipe(options).make().models;
  check<Error>(number <= models, "report", checkpoint.path(), ": of model ", number,
               " of a recipe of ", models);
  Recipe r = make_recipe(options, std::max(number, 1), models);
  const FashionSplit split(options.data, r.normalize, options.hold_out.value_or(0));
  prepare_folder(*options.out);
  const auto learn = make_learner(r, make_data_loaders(split.train, split.valid, r.batch_size));
  Watchers watchers(options, settings_of(options, r.lr, number), *options.out, split.all.train,
                    begin_report(options, r, split.valid, number, checkpoint), number);
  watchers.join(*learn, checkpoint, false);  // its tables may be of later epochs than this one
  NoFurtherCB no_further;
  learn->fit(r.epochs, {.cbs = {&no_further}});
  watchers.end(*learn);

  const Predictions judged = capture_preds(*learn);
  watchers.draw({split.judging_images(), split.first(), judged});
  if (options.json)
    print_json({{"recipe", named_recipe(options).name},
                {"page", watchers.page()},
                {"accuracy", judged.accuracy()}});
  else
    std::printf("accuracy %.4f\n", judged.accuracy());
}

}  // namespace kindling
