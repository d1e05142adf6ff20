// Training steps against libtorch, in both of its memory formats, and one op on one number, where
// nothing counts but the engine itself. Before a step is timed, the gradient is compared with the
// slope of the loss, and the losses of two steps with the peer's.

#include "bench/peers.h"
#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/parallel.h"

namespace kindling::bench {

namespace {

/// Our step, whose two first losses are what others are held against.
Trial ours(const Step& step) {
  Trial trial{{our_step(step)}, {}};
  const Array losses = our_step(step).result();
  for (const Index i : {0, 1}) trial.expected.add(i, losses[i], 0.002 * losses[i]);
  return trial;
}

Trial prepare(const std::string& model, Index batch, bool stats) {
  check_gradient(make_step(model, 64, false));
  const Step step = make_step(model, batch, stats);
  Trial trial = ours(step);
  for (const Peer& peer : peers())
    if (peer.step) peer.step(trial, step);
  return trial;
}

Case step(const std::string& model, Index batch, bool quick, bool stats = false, int threads = 0) {
  Case c;
  c.name = str("step/", model, "/", batch, stats ? "/stats" : "",
               threads ? str("/", threads, threads > 1 ? "threads" : "thread") : "");
  c.unit = Unit::images;
  c.flops = step_flops(model, batch);
  c.images = static_cast<double>(batch);
  c.quick = quick;
  c.threads = threads;
  c.prepare = [=] { return prepare(model, batch, stats); };
  return c;
}

/// While one of these lives, sums are cut by the threads there are and not by shapes.
struct SumsByThreads {
  SumsByThreads() { sums_by_threads = true; }
  ~SumsByThreads() { sums_by_threads = false; }
  SumsByThreads(const SumsByThreads&) = delete;
  SumsByThreads& operator=(const SumsByThreads&) = delete;
};

/// The same step with sums cut by threads: what determinism costs.
Trial prepare_free(const std::string& model, Index batch) {
  const Step step = make_step(model, batch, false);
  Trial trial = ours(step);
  Contender free = our_step(step);
  free.name = "sums by threads";
  free.run = [run = free.run] {
    const SumsByThreads guard;
    run();
  };
  free.result = [result = free.result] {
    const SumsByThreads guard;
    return result();
  };
  trial.contenders.push_back(free);
  return trial;
}

Case determinism(const std::string& model, Index batch) {
  Case c;
  c.name = str("determinism/", model, "/", batch);
  c.unit = Unit::images;
  c.images = static_cast<double>(batch);
  c.quick = false;
  c.prepare = [=] { return prepare_free(model, batch); };
  return c;
}

/// y = x * x and its gradient, of one number.
Trial tiny() {
  const auto x = std::make_shared<Tensor>(Array({1}, {3.0F}), true);
  const auto run = [x] {
    x->zero_grad();
    (*x * *x).backward();
  };
  Trial trial{{{kOurs, run, [run, x] { return run(), x->grad(); }}}, {}};
  trial.expected.add(0, 6, 0);
  for (const Peer& peer : peers())
    if (peer.tiny) peer.tiny(trial);
  return trial;
}

}  // namespace

void step_cases(Cases& cases) {
  Case op;
  op.name = "step/one-number";
  op.unit = Unit::time;
  op.prepare = tiny;
  cases.push_back(op);
  cases.push_back(step("conv10", 1024, true));
  cases.push_back(step("conv10", 64, true));
  cases.push_back(step("conv10", 1024, true, true));
  for (const char* model : {"convbn12", "resnet13"}) cases.push_back(step(model, 1024, true));
  for (const char* model : {"pooled14", "wide14"}) cases.push_back(step(model, 1024, false));
  for (const char* model : {"conv10", "convbn12", "resnet13", "pooled14", "wide14"})
    cases.push_back(step(model, 1024, model == std::string("conv10"), false, 1));
  for (const Index batch : {64, 128, 256, 512, 2048, 4096})  // time an image, by batch
    cases.push_back(step("resnet13", batch, batch == 64));
  for (const char* model : {"conv10", "convbn12", "resnet13"})
    for (const Index batch : {64, 1024}) cases.push_back(determinism(model, batch));
}

}  // namespace kindling::bench
