#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/shape.h"

namespace kindling {

/// A number that changes as the training goes on: what it is in step `step` of `steps`, which are
/// batches or epochs (see sched_cb.h). A pure function, so that a fit which goes on where it was
/// interrupted needs to remember nothing of it.
///
/// Where one goes "from a to b", step 0 has a; b would come at step `steps`, just after the last.
/// PyTorch's schedulers do the same with T_max or total_iters = steps, and it lets pieces follow
/// each other without repeating a step.
///
/// The functions that make one throw Error for a setting that is not a number or makes no sense.
using Schedule = std::function<double(Index step, Index steps)>;

/// The same in every step.
Schedule constant(double value);
/// From a to b by the same amount each step.
Schedule linear(double from, double to);
/// Along half a cosine (Loshchilov and Hutter, "SGDR", 2017); CosineAnnealingLR.
Schedule cosine(double from, double to = 0);
/// From a to b by the same factor each step. Both must be positive.
Schedule geometric(double from, double to);
/// from * gamma^step: ExponentialLR.
Schedule exponential(double from, double gamma);
/// from * gamma^(step / every), the quotient being whole: StepLR.
Schedule step_decay(double from, Index every, double gamma = 0.1);

/// A schedule for some of the steps.
struct SchedulePiece {
  double share;       ///< Of all steps, in [0, 1].
  Schedule schedule;  ///< Sees its own steps, from 0.
};
/// Pieces one behind the other, each for its share of the steps, which add up to 1.
///
///     flat_cosine(lr) == compose({{0.72, constant(lr)}, {0.28, cosine(lr)}})
Schedule compose(std::vector<SchedulePiece> pieces);

/// From 0 up to where `then` begins, in a straight line during this share of the steps; then that.
/// Step 0 has the first rise already: a rate of 0 would waste it.
Schedule warm_up(double share, Schedule then);
/// Flat for a share of the steps, then down a cosine: for optimizers that dislike a warm-up.
Schedule flat_cosine(double rate, double flat = 0.72, double to = 0);

/// Settings of one_cycle().
struct OneCycleOptions {
  double max = 0.1;        ///< The highest rate,
  double warm_up = 0.3;    ///< reached after this share of the steps,
  double div = 25;         ///< from max / div,
  double final_div = 1e4;  ///< and from there down to max / div / final_div.
};

/// Up and down along half a cosine each (Smith and Topin, "Super-convergence", 2018), as PyTorch's
/// OneCycleLR has it.
Schedule one_cycle(OneCycleOptions options);
/// The momentum beside it: down while the rate goes up, and up again. PyTorch's base_momentum and
/// max_momentum.
Schedule one_cycle_momentum(double low = 0.85, double high = 0.95, double warm_up = 0.3);

/// A line of plot_schedules().
struct NamedSchedule {
  std::string name;   ///< In the legend, which is there when there are several lines.
  Schedule schedule;  ///< Must not be empty.
};
/// Draws schedules over so many steps, a line each, to a PNG file. Throws Error for no steps and
/// for an empty schedule, std::runtime_error when the file cannot be written.
void plot_schedules(const std::string& path, const std::vector<NamedSchedule>& schedules,
                    Index steps);

}  // namespace kindling
