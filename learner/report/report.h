// All that there is to see of one training, and the page that shows it: a single HTML file that
// needs nothing else, neither a network nor a server.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "learner/plot/charts.h"

namespace kindling {

/// What a page shows: plain numbers and words, whoever gathered them. Whatever is empty was not
/// recorded, and the page says so. NaN and infinite numbers are gaps. Words may hold anything.
struct Report {
  std::string title = "Training";  ///< Of the page, and its heading.
  std::string ending = {};         ///< How a fit ended that did not run its course; empty: it did.
  std::string running = {};        ///< Where a fit stands that still runs; empty: none does.
  std::vector<std::pair<std::string, std::string>> settings = {};  ///< Name and value.

  // --- how it went
  std::vector<double> losses = {};  ///< Of every training batch.
  std::vector<double> rates = {};   ///< Likewise.
  /// One pass over the training or validation data.
  struct Pass {
    int epoch = 0;                    ///< From 0; the page counts from 1.
    bool train = true;                ///< Of training; false: of validation.
    double batches = 0;               ///< Training batches done when it ended.
    std::vector<double> values = {};  ///< One for each of `measures`.
    double seconds = 0;               ///< That it took.
  };
  std::vector<std::string> measures = {};  ///< "loss" and the metrics.
  std::vector<Pass> passes = {};           ///< In the order in which they were made.

  // --- what the layers did, batch by batch
  double max_activation = 10;  ///< Upper edge of the last bin of the histograms.
  /// One a layer.
  /// @{
  std::vector<plot::HistogramPanel> histograms = {};
  std::vector<plot::StatsSeries> stats = {};
  /// @}
  std::vector<plot::UpdateSeries> updates = {};  ///< One a weight, step by step.

  // --- what the model says in the end
  std::vector<std::string> classes = {};  ///< Their names, by label.
  std::vector<double> confusion = {};     ///< (truth, guess), row-major: how often.
  /// An image that was judged.
  struct Example {
    plot::Image image;      ///< Not empty, of 1 or 3 channels.
    std::string truth;      ///< Name of its class.
    std::string guess;      ///< Name of the class it was taken for.
    double confidence = 0;  ///< Probability of the guess.
  };
  std::vector<Example> worst = {};  ///< Largest losses first.
  std::vector<Example> best = {};   ///< Smallest losses first.

  /// A layer of the model, in the order in which they run.
  struct Layer {
    /// As nn::LayerSummary has them, the output's shape as text.
    /// @{
    std::string path, type, output;
    /// @}
    double parameters = 0;     ///< How many.
    double multiply_adds = 0;  ///< Of one row, forward.
    double seconds = 0;        ///< Of a batch, forward.
  };
  std::vector<Layer> layers = {};  ///< The page shows a row for each, and their sum.
};

/// What the page draws, as JSON text: curves thinned to what a screen can show (thin.h), and a
/// histogram for at most kColumns of the batches, evenly spaced. Words that are no UTF-8 are
/// mended. Throws Error where the report contradicts itself: counts that are not classes x classes,
/// histograms of unequal length, pixels that are not height x width x channels (1 or 3), values of
/// a pass that do not belong to its measures.
std::string report_json(const Report& report);
inline constexpr std::size_t kColumns = 300;  ///< Histograms of a layer on the page, at most.

/// The page that shows this JSON text. With the text's version it is a page that asks where it came
/// from, again and again, for a newer one (live.h); a version has no apostrophe.
std::string report_page(const std::string& json, const std::string& version = "");

/// Writes the page, whole or not at all. Throws Error as report_json does, and std::runtime_error
/// "[report] cannot write 'PATH': REASON".
void write_report(const std::string& path, const Report& report);

}  // namespace kindling
