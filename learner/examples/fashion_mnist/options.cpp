#include "learner/examples/fashion_mnist/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "engine/error.h"
#include "learner/examples/fashion_mnist/recipes.h"

namespace kindling {

namespace {

/// The options that a training which goes on must share with the one that was interrupted.
const char* const kShared[] = {"recipe", "epochs",   "batch-size", "lr",
                               "seed",   "hold-out", "no-stats"};

/// What was not said is as it was in the training that goes on, and the folder is that of its file.
void adopt(CLI::App& app, const Checkpoint& checkpoint, Options& o) {
  const Settings& settings = checkpoint.settings();
  for (const char* name : kShared) {
    const auto saved = settings.find(name);
    CLI::Option* option = app.get_option(std::string("--") + name);
    if (saved != settings.end() && option->empty()) option->default_val(saved->second);
  }
  if (app.get_option("--out")->empty()) {
    o.out = o.resume.parent_path();
    // An ensemble has a folder for each model below its own.
    if (model_of(checkpoint) > 0) o.out = (o.out / "..").lexically_normal();
  }
  if (o.out.empty()) o.out = ".";
}

/// The shortest text that is read as the same number.
std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::string table_of_recipes() {
  std::string table;
  for (const NamedRecipe& recipe : recipes())
    table +=
        "  " + recipe.name + std::string(18 - recipe.name.size(), ' ') + recipe.description + "\n";
  return table;
}

}  // namespace

std::optional<int> parse(int argc, char** argv, Options& o) {
  CLI::App app{"Trains a network on Fashion-MNIST and looks inside it."};
  app.name("fashion_mnist");
  app.footer("Recipes:\n" + table_of_recipes());
  const auto not_empty = [](const std::string& text) {
    return text.empty() ? std::string("a folder expected") : std::string();
  };
  std::vector<std::string> names;
  for (const NamedRecipe& recipe : recipes()) names.push_back(recipe.name);
  app.add_option("--recipe", o.recipe, "which of those below")
      ->type_name("NAME")
      ->check([](const std::string& name) {
        try {
          find_recipe(name);
          return std::string();
        } catch (const Error& error) {
          return std::string(error.what());
        }
      })
      ->capture_default_str();
  app.add_option("--epochs", o.epochs, "passes over the training images (default: the recipe's)")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--batch-size", o.batch_size, "images a step (default: the recipe's)")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--lr", o.lr, "learning rate (default: the recipe's)")
      ->check([](const std::string& text) {
        double lr = 0;
        const bool number = CLI::detail::lexical_cast(text, lr);
        return number && lr > 0 && lr <= 1e6 ? "" : "Value " + text + " not in range 0 to 1000000";
      });
  app.add_option("--seed", o.seed, "same seed, same result")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? "Value " + text + " is negative" : "";
      })
      ->capture_default_str();
  app.add_option("--threads", o.threads, "processor cores to use; no result depends on it")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option(
         "--hold-out", o.hold_out,
         "judge by so many of the training images, which are then not trained on, instead of "
         "the test images: for choosing settings")
      ->check(CLI::Range(0, 59'999))
      ->capture_default_str();
  app.add_option("--data", o.data, "folder with the four IDX files")->check(not_empty);
  app.add_option("--out", o.out, "folder for pictures and history")
      ->check(not_empty)
      ->capture_default_str();
  app.add_option("--save-every", o.save_every,
                 "batches between two checkpoints, OUT/last.safetensors (default: an epoch's)")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--tensorboard", o.tensorboard,
                 "folder for what TensorBoard reads while the training goes on")
      ->check(not_empty);
  app.add_option("--resume", o.resume, "checkpoint to go on from, with its recipe and settings")
      ->check(not_empty);
  app.add_flag("--no-stats", o.no_stats, "do not look inside");
  app.add_flag("--detect-anomaly", o.detect_anomaly,
               "name the first op that makes a NaN or an infinity (slower)");
  app.add_flag("--no-progress", o.no_progress, "no progress display");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("fashion_mnist: ") + error.what() + " (--help lists the options)\n";
  });
  try {
    app.parse(argc, argv);
    if (!o.resume.empty()) adopt(app, o.checkpoint.emplace(o.resume), o);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return {};
}

Settings settings_of(const Options& options, double lr, int model) {
  Settings settings{{"recipe", options.recipe},
                    {"lr", text_of(lr)},
                    {"seed", std::to_string(options.seed)},
                    {"hold-out", std::to_string(options.hold_out)},
                    {"no-stats", options.no_stats ? "true" : "false"}};
  if (model > 0) settings["model"] = std::to_string(model);
  return settings;
}

int model_of(const Checkpoint& checkpoint) {
  const auto model = checkpoint.settings().find("model");
  if (model == checkpoint.settings().end()) return 0;
  const std::string& text = model->second;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

std::string quoted(const std::string& word) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("_-./=,+:@", c); };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace kindling
