#include "learner/examples/fashion_mnist/page.h"

#include <algorithm>
#include <ctime>
#include <numeric>
#include <vector>

#include "engine/error.h"
#include "engine/machine.h"
#include "learner/callbacks/report_cb.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "nn/summary.h"

namespace kindling {

namespace {

constexpr Index kTimedRows = 256;

/// "2024-05-17 16:03", where this machine is.
std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  char text[32] = "";
  if (localtime_r(&time, &parts)) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

}  // namespace

Report begin_report(const Options& options, const Recipe& recipe, const Dataset& images, int number,
                    const std::optional<Checkpoint>& origin) {
  const NamedRecipe& named = named_recipe(options);
  const std::string model =
      number > 0 ? str(", model ", number, " of ", recipe.models) : std::string();
  const Index hold_out = options.hold_out.value_or(0);
  Report report;
  report.title = str("Fashion-MNIST: ", named.name, model);
  report.settings = {{"recipe", str(named.name, ": ", named.description)},
                     {"epochs", str(recipe.epochs)},
                     {"batch size", str(recipe.batch_size)},
                     {"learning rate", str(recipe.lr, recipe.schedule ? ", with a schedule" : "")},
                     {"seed", str(options.seed)},
                     {"validation", hold_out > 0 ? str(hold_out, " training images held out")
                                                 : std::string("the test images")},
                     {"statistics", options.no_stats ? "none" : "activations, gradients and steps"},
                     {options.command == train ? "resumed from" : "written again from",
                      origin ? origin->path().string() : "nothing"},
                     {"processor", str(processor_name(), ", compiled for ", kInstructionSet)},
                     {"threads", str(options.threads)},
                     {"kindling", str(KINDLING_VERSION, ", by ", compiler_name())},
                     {"date", now()}};
  std::vector<Index> rows(static_cast<std::size_t>(std::min(kTimedRows, images.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  if (!rows.empty()) add_summary(report, nn::summarize(*recipe.model, images.batch(rows).xs.at(0)));
  return report;
}

}  // namespace kindling
