#include "learner/learner.h"

#include <algorithm>
#include <exception>

#include "engine/error.h"
#include "engine/tape.h"

namespace kindling {
inline namespace KINDLING_PRECISION {

Learner::Learner(nn::Module& m, DataLoaders loaders, LossFunction loss_function,
                 LearnerOptions options)
    : model(m),
      dls(std::move(loaders)),
      loss_func(std::move(loss_function)),
      opt_func(std::move(options.opt_func)),
      param_groups(std::move(options.param_groups)),
      lr(options.lr) {
  for (Callback* cb : options.cbs) {
    check<Error>(cb != nullptr, "learner", "a callback is null");
    add(*cb);
  }
}

bool Learner::has(const Callback* callback) const {
  return std::find(cbs_.begin(), cbs_.end(), callback) != cbs_.end();
}

void Learner::add(Callback& callback) {
  check<Error>(!has(&callback), "learner", "the callback is there already");
  const auto behind =
      std::upper_bound(cbs_.begin(), cbs_.end(), callback.order,
                       [](int order, const Callback* cb) { return order < cb->order; });
  cbs_.insert(behind, &callback);
}

void Learner::remove(const Callback& callback) { std::erase(cbs_, &callback); }

void Learner::callback(Event event) {
  const auto cbs = cbs_;  // an event may add callbacks, and remove some before their turn comes
  for (Callback* cb : cbs)
    if (has(cb)) (cb->*event)(*this);
}

namespace {

bool is_cancellation(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Cancel&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// Of two exceptions on their way at once, the one that goes on: the first, unless that is a mere
/// cancellation and the other an error.
std::exception_ptr graver(const std::exception_ptr& first, const std::exception_ptr& second) {
  if (!first || (second && is_cancellation(first) && !is_cancellation(second))) return second;
  return first;
}

}  // namespace

/// A cleanup event reaches every callback, whatever the ones before it throw; what they threw goes
/// on when all have been called.
void Learner::clean_up(Event event) {
  std::exception_ptr thrown;
  const auto cbs = cbs_;
  for (Callback* cb : cbs) {
    try {
      if (has(cb)) (cb->*event)(*this);
    } catch (...) {
      thrown = graver(thrown, std::current_exception());
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

template <class CancelThis, class Body>
void Learner::scope(Event before, Event after, Event cleanup, const Body& body) {
  std::exception_ptr passing;  // somebody else's exception, on its way through
  try {
    callback(before);
    body();
    callback(after);
  } catch (const CancelThis&) {
  } catch (...) {
    passing = std::current_exception();
  }
  try {
    clean_up(cleanup);
  } catch (const CancelThis&) {  // the scope is over already
  } catch (...) {
    passing = graver(passing, std::current_exception());
  }
  if (passing) std::rethrow_exception(passing);
}

void Learner::fit(int epochs, FitOptions options) {
  check<Error>(epochs >= 0, "fit", epochs, " epochs: at least 0 expected");
  check<Error>(!fits_, "fit", "another fit of this learner is running");
  check<Error>(epochs == 0 || !options.train || dls.train.size() > 0, "fit",
               "the training data make no batch: ", dls.train.dataset().size(),
               " rows in batches of ", dls.train.batch_size());
  struct Running {
    Learner& learn;
    explicit Running(Learner& l) : learn(l) { learn.fits_ = true; }
    ~Running() {
      learn.fits_ = learn.rehearses = false;
      learn.metrics = nullptr;  // also of one that was removed in the middle of it
    }
  } running(*this);
  // The callbacks of this fit alone leave again, however it ends.
  struct Guest {
    Learner& learn;
    Callback& cb;
    Guest(Learner& l, Callback& c) : learn(l), cb(c) { learn.add(cb); }
    ~Guest() { learn.remove(cb); }
  };
  std::vector<std::unique_ptr<Guest>> guests;
  for (Callback* cb : options.cbs) {
    check<Error>(cb != nullptr, "fit", "a callback is null");
    guests.push_back(std::make_unique<Guest>(*this, *cb));
  }

  n_epochs = epochs;
  epoch = 0;
  iter = 0;
  trains = options.train;
  validates = options.valid;
  rehearses = options.rehearse;
  check<Error>(opt_func != nullptr, "fit", "opt_func is empty");
  check<Error>(param_groups != nullptr, "fit", "param_groups is empty");
  opt = opt_func(param_groups(model), options.lr.value_or(lr));
  check<Error>(opt != nullptr, "fit", "opt_func made no optimizer");
  opt->zero_grad();  // what a fit that was cancelled between backward and step left behind
  start.reset();
  scope<CancelFit>(&Callback::before_fit, &Callback::after_fit, &Callback::cleanup_fit, [&] {
    Position at = start.value_or(Position{});
    for (epoch = at.epoch; epoch < n_epochs; ++epoch, at = {}) {
      if (trains && at.training) {
        one_epoch(true, at);
        at = {};
      }
      if (validates) {
        const NoGrad no_grad;
        one_epoch(false, at);
      }
    }
  });
}

void Learner::one_epoch(bool train, const Position& at) {
  training = train;
  model.train(train);
  dl = train ? &dls.train : &dls.valid;
  iter = at.batch;
  scope<CancelEpoch>(&Callback::before_epoch, &Callback::after_epoch, &Callback::cleanup_epoch,
                     [&] {
                       auto next = dl->begin(at.batch, at.order);
                       order = next.order();
                       for (; next != dl->end(); ++next, ++iter) {
                         batch = *next;
                         one_batch();
                       }
                     });
}

void Learner::one_batch() {
  preds = loss = Tensor();
  scope<CancelBatch>(&Callback::before_batch, &Callback::after_batch, &Callback::cleanup_batch,
                     [&] {
                       predict();
                       callback(&Callback::after_predict);
                       get_loss();
                       check(loss.size() == 1, "learner", "the loss is ", loss.shape(),
                             ": a single number expected, such as its mean()");
                       callback(&Callback::after_loss);
                       if (!training) return;
                       backward();
                       try {
                         callback(&Callback::after_backward);
                         step();
                         callback(&Callback::after_step);
                         zero_grad();
                       } catch (const CancelStep&) {
                       }
                     });
}

void Learner::predict() {
  callback(&Callback::predict);
  check<Error>(preds.defined(), "learner",
               "no callback made predictions: add a TrainCB or use a TrainLearner");
}

void Learner::get_loss() {
  callback(&Callback::get_loss);
  check<Error>(loss.defined(), "learner",
               "no callback computed the loss: add a TrainCB or use a TrainLearner");
}

void Learner::backward() { callback(&Callback::backward); }
void Learner::step() { callback(&Callback::step); }
void Learner::zero_grad() { callback(&Callback::zero_grad); }

void TrainLearner::predict() { preds = model(batch.xs); }
void TrainLearner::get_loss() { loss = loss_func(preds, batch); }
void TrainLearner::backward() { loss.backward(); }
void TrainLearner::step() { opt->step(); }
void TrainLearner::zero_grad() { opt->zero_grad(); }

MomentumLearner::MomentumLearner(nn::Module& m, DataLoaders loaders, LossFunction loss_function,
                                 LearnerOptions options, double momentum)
    : TrainLearner(m, std::move(loaders), std::move(loss_function), std::move(options)),
      momentum_(momentum) {
  check<Error>(momentum >= 0 && momentum < 1, "momentum_learner", "momentum ", momentum,
               ": in [0, 1) expected");
}

void MomentumLearner::zero_grad() { opt->scale_grad(momentum_); }

}  // namespace KINDLING_PRECISION
}  // namespace kindling
