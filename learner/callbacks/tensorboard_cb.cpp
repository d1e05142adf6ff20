#include "learner/callbacks/tensorboard_cb.h"

#include "engine/error.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/plot/png.h"

namespace kindling {

void TensorBoardCB::add_picture(const std::string& name, std::function<plot::Canvas()> draw) {
  for (const auto& [taken, other] : pictures_)
    check<Error>(taken != name, "tensorboard", "'", name, "' is there already");
  check<Error>(!name.empty() && draw, "tensorboard", "'", name,
               "': a name and a function expected");
  pictures_.emplace_back(name, std::move(draw));
}

/// Not before the first pass: only then every callback has said where the fit begins.
void TensorBoardCB::open(const Learner& learn) {
  if (file_ || learn.rehearses) return;
  const Position at = learn.start.value_or(Position{});
  const Index epoch = learn.trains ? learn.dls.train.size() : 0;
  step_ = batches_before + at.epoch * epoch + (!at.training ? epoch : learn.trains ? at.batch : 0);
  file_.emplace(folder_);
  if (learn.start) file_->restart(step_ + 1);
}

void TensorBoardCB::before_epoch(Learner& learn) { open(learn); }

void TensorBoardCB::after_batch(Learner& learn) {
  if (!file_ || !learn.training) return;
  step_ = batches_before + learn.epoch * learn.dls.train.size() + learn.iter + 1;
  file_->scalar("loss/batch", step_, learn.loss.item());
  file_->scalar("lr", step_, learn.opt->lr());
}

void TensorBoardCB::after_epoch(Learner& learn) {
  if (!file_) return;
  if (learn.training && histograms_)
    for (const auto& [path, parameter] : learn.model.named_parameters())
      file_->histogram("parameters/" + path, step_, parameter.value().values());
  if (learn.training && learn.validates) return;
  for (const auto& [name, draw] : pictures_) {
    const plot::Canvas picture = draw();
    file_->image(name, step_, picture.pixel_width(), picture.pixel_height(),
                 plot::encode_png(picture));
  }
}

/// Not in after_epoch, before which somebody who has seen enough may end the fit.
void TensorBoardCB::cleanup_epoch(Learner& learn) {
  if (!file_ || !learn.metrics || learn.metrics->history().empty()) return;
  const MetricsRow& row = learn.metrics->history().back();
  if (row.epoch != learn.epoch || row.train != learn.training) return;  // this pass was cancelled
  for (const auto& [name, value] : row.values)
    file_->scalar(name + "/" + row.split(), step_, value);
}

void TensorBoardCB::cleanup_fit(Learner&) {
  if (file_) batches_before = step_;
  file_.reset();
}

}  // namespace kindling
