#include "learner/examples/fashion_mnist/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "engine/error.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/did_you_mean.h"
#include "learner/examples/fashion_mnist/print_error.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/examples/fashion_mnist/whole_number.h"

namespace kindling {

namespace {

/// The options that a training which goes on must share with the one that was interrupted.
const char* const kShared[] = {"recipe", "epochs",   "batch-size", "lr",
                               "seed",   "hold-out", "no-stats"};

const char* const kLatest = "out/last.safetensors";

/// What was not said is as it was in the training that goes on, or whose page is written again, and
/// the folder is that of its file.
void adopt(CLI::App& train, const Checkpoint& checkpoint, Options& o) {
  const Settings& settings = checkpoint.settings();
  for (const char* name : kShared) {
    const auto saved = settings.find(name);
    CLI::Option* option = train.get_option(std::string("--") + name);
    if (saved == settings.end() || !option->empty()) continue;
    try {
      option->default_val(saved->second);
    } catch (const CLI::ParseError& error) {
      throw Error(str("[checkpoint] ", checkpoint.path(), ": its settings: ", error.what()));
    }
  }
  if (!o.out) {
    o.out = o.resume.parent_path();
    // An ensemble has a folder for each model below its own.
    if (model_of(checkpoint) > 0 && train.parsed()) o.out = (*o.out / "..").lexically_normal();
    if (o.out->empty()) o.out = ".";
  }
}

/// Fills the command line's options, each of which is declared once, for all commands that have it.
class CommandLine {
 public:
  explicit CommandLine(Options& options) : o_(options) {
    app_.name("fashion_mnist");
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "fashion_mnist " KINDLING_VERSION);
    app_.get_formatter()->column_width(24);
    app_.get_formatter()->label("SUBCOMMAND", "[COMMAND]");
    app_.get_formatter()->label("Subcommands", "Commands");
    app_.get_formatter()->label("TEXT", "PATH");
    app_.get_formatter()->label("INT", "N");
    app_.get_formatter()->label("UINT", "N");
    app_.get_formatter()->label("FLOAT", "X");
    app_.footer(
        "Without a command it trains. COMMAND --help has the options of each. Examples:\n"
        "  fashion_mnist --recipe lesson16            see out/color_dim.png\n"
        "  fashion_mnist predict shoe.jpg bag.png     by the best weights of the training\n"
        "  fashion_mnist --resume out/last.safetensors\n"
        "Exit status: 0; 1: something failed; 2: the command line makes no sense;\n"
        "128 + the signal: stopped by one. Results go to stdout, all else to stderr.");
    train();
    use();
    look();
  }

  std::optional<int> parse(std::vector<std::string> words) {
    const bool own =
        !words.empty() && (words[0] == "--help" || words[0] == "-h" || words[0] == "--version");
    named_ = !words.empty() && (!words[0].starts_with('-') || own);
    if (!named_) words.insert(words.begin(), "train");
    if (!words[0].starts_with('-') && !is_command(words[0]))
      return wrong("no command " + words[0] + did_you_mean(words[0], names()));
    try {
      std::reverse(words.begin(), words.end());  // CLI11 takes them from the end.
      app_.parse(words);
      if (report_->parsed() && o_.resume.empty()) o_.resume = kLatest;
      if (!o_.resume.empty()) adopt(*train_, o_.checkpoint.emplace(o_.resume), o_);
      return {};
    } catch (const CLI::ExtrasError&) {
      return wrong(unexpected());
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app_.exit(error);
      return wrong(error.what());
    }
  }

 private:
  CLI::App app_{"Trains networks on Fashion-MNIST, looks inside them and uses them."};
  CLI::App *train_ = nullptr, *report_ = nullptr;
  Options& o_;
  bool named_ = false;  ///< The command line begins with a command.

  int wrong(const std::string& what) {
    print_error(what + " (--help lists the " +
                (app_.get_subcommands().empty() ? "commands)" : "options)"));
    return 2;
  }

  /// The commands, and the options of the program itself and of the command that was given.
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const CLI::App* command : app_.get_subcommands({})) all.push_back(command->get_name());
    for (const CLI::Option* option : app_.get_options()) all.push_back(option->get_name());
    for (const CLI::App* command : app_.get_subcommands())
      for (const CLI::Option* option : command->get_options()) all.push_back(option->get_name());
    return all;
  }
  bool is_command(const std::string& word) {
    const std::vector<CLI::App*> all = app_.get_subcommands({});
    return std::any_of(all.begin(), all.end(),
                       [&](const CLI::App* command) { return command->get_name() == word; });
  }

  /// What was on the command line that nobody asked for.
  std::string unexpected() {
    const std::vector<std::string> words = app_.remaining(true);
    for (const std::string& word : words)
      if (is_command(word) && !named_)
        return "the command comes first, in front of its options: fashion_mnist " + word + " ...";
    const std::string& word = words.front();
    return "not expected: " + word + did_you_mean(word.substr(0, word.find('=')), names());
  }

  CLI::App* command(const char* name, const char* description, const char* footer,
                    void (*does)(const Options&)) {
    CLI::App* command = app_.add_subcommand(name, description);
    command->footer(footer);
    command->callback([this, does] { o_.command = does; });
    return command;
  }

  void train() {
    train_ =
        command("train", "trains by a recipe; writes page, pictures and weights",
                "Example: fashion_mnist train --recipe resnet --epochs 3 (`recipes` lists them)",
                kindling::train);
    recipe(*train_, "model and training (default: quick)");
    seed(*train_);
    train_->add_option("--epochs", o_.epochs, "passes over the images (default: the recipe's)")
        ->check(whole_in(1, 1'000'000));
    batch_size(*train_);
    train_->add_option("--lr", o_.lr, "learning rate (default: the recipe's)")
        ->check([](const std::string& text) {
          double lr = 0;
          const bool number = CLI::detail::lexical_cast(text, lr);
          return number && lr > 0 && lr <= 1e6
                     ? ""
                     : "Value " + text + ": above 0, at most 1000000 expected";
        });
    hold_out(*train_);
    out(*train_, "folder for all that is written (default: out)");
    train_->add_option("--resume", o_.resume, "checkpoint to go on from, with its settings")
        ->check(not_empty);
    train_
        ->add_option("--save-every", o_.save_every,
                     "batches between two checkpoints (default: an epoch's)")
        ->check(whole_in(1, 1'000'000'000));
    train_
        ->add_option("--tensorboard", o_.tensorboard, "folder for what TensorBoard reads meanwhile")
        ->check(not_empty);
    train_->add_option("--live", o_.live, "serve the page on 127.0.0.1 meanwhile (0: any port)")
        ->type_name("PORT")
        ->check(whole_in(0, 65'535));
    train_->add_flag("--no-stats", o_.no_stats, "do not look inside");
    train_->add_flag("--no-progress", o_.no_progress, "no progress display");
    train_->add_flag("--detect-anomaly", o_.detect_anomaly,
                     "name the op that makes the first NaN or infinity; slower");
    common(*train_);
  }

  void use() {
    CLI::App* eval =
        command("eval", "judges weights by the test images, class by class",
                "Example: fashion_mnist eval --from a/last.safetensors --from b/last.safetensors",
                evaluate);
    from(*eval, "file with weights; given twice, both judge together");
    recipe(*eval);
    hold_out(*eval);
    out(*eval, "folder for three pictures (default: none)");
    common(*eval);

    CLI::App* predict =
        command("predict", "says what is on photos",
                "Example: fashion_mnist predict shoe.jpg bag.png", kindling::predict);
    predict
        ->add_option("photos", o_.photos, "PNGs or JPEGs: one piece of clothing, plain background")
        ->required();
    from(*predict, "file with weights; given twice, both decide together");
    recipe(*predict);
    out(*predict, "folder for photos.png (default: out)");
    common(*predict);

    report_ = command("report", "writes page and pictures again, from a checkpoint",
                      "Example: fashion_mnist report --from out/last.safetensors", report);
    report_->add_option("--from", o_.resume, "checkpoint of a training")
        ->check(not_empty)
        ->default_str(kLatest);
    out(*report_, "folder to write into (default: the checkpoint's)");
    common(*report_);

    CLI::App* exports = command("export", "writes the weights alone, for other programs",
                                "Example: fashion_mnist export --to weights.npz", export_weights);
    from(*exports, "checkpoint or weights");
    exports->get_option("--from")->expected(1);
    recipe(*exports);
    exports->add_option("--to", o_.to, "file to write: NAME.safetensors, or NAME.npz for NumPy")
        ->required()
        ->check([](const std::string& name) {
          return name.ends_with(".safetensors") || name.ends_with(".npz")
                     ? ""
                     : "Value " + name + ": a name that ends in .safetensors or .npz expected";
        });
    common(*exports);
  }

  void look() {
    CLI::App* find = command("lr-find", "tries rates from tiny to too large, and suggests one",
                             "Example: fashion_mnist lr-find --recipe onecycle", find_lr);
    recipe(*find, "whose model and batches (default: quick)");
    seed(*find);
    batch_size(*find);
    hold_out(*find);
    out(*find, "folder for lr_find.png (default: out)");
    common(*find);

    CLI::App* summary =
        command("summary", "lists the layers of a recipe's model and their cost",
                "Example: fashion_mnist summary --recipe resnet --json", summarize_model);
    recipe(*summary, "whose model (default: quick)");
    batch_size(*summary);
    common(*summary);

    CLI::App* list = command("recipes", "lists the recipes",
                             "Example: fashion_mnist --recipe fast93", list_recipes);
    common(*list);
  }

  /// What is wrong with a text as a whole number of at least 0. CLI11 takes 010 for 8, and what is
  /// too large for the largest number that there is.
  static std::string not_whole(const std::string& text) {
    if (whole_number<std::uint64_t>(text)) return "";
    return text.starts_with('-') ? "Value " + text + " is negative"
                                 : "Value " + text + ": a whole number expected, such as 8";
  }
  /// One in [low, high]. (CLI11 would say so in --help, at the cost of a line each.)
  static CLI::Validator whole_in(int low, int high) {
    return CLI::Validator(
        [range = CLI::Range(low, high)](std::string& text) {
          const std::string outside = range(text);
          return outside.empty() ? not_whole(text) : outside;
        },
        "");
  }
  static std::string not_empty(const std::string& text) {
    return text.empty() ? "a path expected" : "";
  }

  void recipe(CLI::App& command, const char* what = "whose model (default: the weights' own)") {
    command.add_option("--recipe", o_.recipe, what)
        ->type_name("NAME")
        ->check([](const std::string& name) {
          try {
            find_recipe(name);
            return std::string();
          } catch (const Error& error) {
            return std::string(error.what());
          }
        });
  }
  void seed(CLI::App& command) {
    command.add_option("--seed", o_.seed, "same seed, same result")
        ->check(not_whole)
        ->capture_default_str();
  }
  void batch_size(CLI::App& command) {
    command.add_option("--batch-size", o_.batch_size, "images a step (default: the recipe's)")
        ->check(whole_in(1, 60'000));
  }
  void hold_out(CLI::App& command) {
    command
        .add_option("--hold-out", o_.hold_out,
                    "judge by N training images, which are not trained on")
        ->check(whole_in(0, 59'999));
  }
  void out(CLI::App& command, const char* what) {
    command.add_option("--out", o_.out, what)->check(not_empty);
  }
  void from(CLI::App& command, const char* what) {
    command.add_option("--from", o_.from, what)
        ->allow_extra_args(false)  // or it would take photos for weights
        ->check(not_empty)
        ->capture_default_str();
  }
  void common(CLI::App& command) {
    command.add_option("--data", o_.data, "folder with the four IDX files")->check(not_empty);
    command.add_option("--threads", o_.threads, "cores to use; no result depends on it")
        ->check(whole_in(1, 1024))
        ->capture_default_str();
    command.add_flag("--json", o_.json, "the result as one line of JSON");
  }
};

}  // namespace

std::optional<int> parse(int argc, char** argv, Options& options) {
  return CommandLine(options).parse({argv + 1, argv + argc});
}

}  // namespace kindling
