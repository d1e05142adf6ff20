// How a learning rate may go, over 100 steps: schedules.png.

#include "learner/schedules.h"
#include "learner/examples/example.h"

using namespace kindling;

int main() {
  return run_example("schedules", [] {
    const double lr = 1;
    plot_schedules("schedules.png",
                   {{"cosine", cosine(lr)},
                    {"exponential", exponential(lr, 0.97)},
                    {"step decay", step_decay(lr, 30, 0.5)},
                    {"one cycle", one_cycle({.max = lr})},
                    {"its momentum", one_cycle_momentum()},
                    {"flat cosine", flat_cosine(lr)},
                    {"warm-up, then linear", warm_up(0.1, linear(lr, 0))}},
                   100);
    std::printf("schedules.png\n");
  });
}
