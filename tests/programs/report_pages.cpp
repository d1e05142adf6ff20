// Writes pages of trainings that are as awkward as can be, for test_report.py to look at.
//
//     report_pages FOLDER

#include <cmath>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>

#include "learner/report/report.h"

using namespace kindling;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A training of so many batches and layers, with so many passes of each kind.
Report training(int batches, int layers, int classes, int epochs = 10) {
  Report r;
  r.title = "A training of " + std::to_string(batches) + " batches";
  r.settings = {{"recipe", "made up"}, {"threads", "2"}};
  r.measures = {"loss", "accuracy"};
  for (int i = 0; i < batches; ++i) {
    r.losses.push_back(0.3 + 2 * std::exp(-i / (0.2 * batches)) + 0.1 * std::sin(1.7 * i * i));
    r.rates.push_back(0.01 * std::sin(3.14159 * (i + 1) / (batches + 1)));
  }
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (const bool train : {true, false})
      r.passes.push_back({epoch,
                          train,
                          std::round(1.0 * batches * (epoch + 1) / epochs),
                          {2.0 / (epoch + 2), 1 - 0.5 / (epoch + 1)},
                          1.25});
  for (int layer = 0; layer < layers; ++layer) {
    plot::HistogramPanel panel{"block." + std::to_string(layer) + ".conv", {}};
    plot::StatsSeries stats{panel.name, {}, {}};
    plot::UpdateSeries updates{panel.name + ".weight", {}, {}};
    for (int i = 0; i < batches; ++i) {
      std::vector<double> bins;
      for (int bin = 0; bin < 40; ++bin)
        bins.push_back(std::floor(20000 * std::exp(-bin / (1.0 + layer + 5.0 * i / batches))));
      panel.histograms.push_back(bins);
      stats.means.push_back(0.1 * layer + 0.05 * std::sin(0.3 * i));
      stats.stds.push_back(1 + 0.1 * layer);
      updates.gradients.push_back(std::exp(-layer + std::sin(0.7 * i)));
      updates.ratios.push_back(1e-3 * (layer + 1) * (1 + 0.5 * std::cos(0.9 * i)));
    }
    r.histograms.push_back(panel);
    r.stats.push_back(stats);
    r.updates.push_back(updates);
    r.layers.push_back(
        {panel.name, "Conv2d(8, 16, 3x3)", "(64,14,14,16)", 1168, 225792, 1e-3 * (layer + 1)});
  }
  for (int truth = 0; truth < classes; ++truth) {
    r.classes.push_back("class " + std::to_string(truth));
    for (int guess = 0; guess < classes; ++guess)
      r.confusion.push_back(truth == guess ? 900 : (truth * 7 + guess * 3) % 40);
  }
  for (int i = 0; i < 4 && classes > 1; ++i) {
    plot::Image image{2, 3, i % 2 ? 3 : 1, {}};
    for (int k = 0; k < 6 * image.channels; ++k)
      image.pixels.push_back(static_cast<std::uint8_t>(40 * k + i));
    r.worst.push_back({image, r.classes[0], r.classes[1], 0.99});
    r.best.push_back({image, r.classes[1], r.classes[1], 1});
  }
  return r;
}

/// Losses that blow up, one spike among thousands, numbers that are none.
Report wild() {
  Report r = training(6000, 24, 10);
  r.losses[3210] = 5e4;
  for (int i = 2000; i < 2200; ++i) r.losses[i] = kNaN;
  r.losses[2100] = 7;  // alone between two gaps
  r.losses[4000] = std::numeric_limits<double>::infinity();
  r.losses[4001] = 0;
  r.passes[3].values = {kNaN, kNaN};
  for (double& ratio : r.updates[0].ratios) ratio = kNaN;
  for (double& count : r.histograms[0].histograms[5999]) count = 0;
  r.ending = "ended early, in epoch 11 of 20";
  return r;
}

/// Words that would be something else if anybody took them for HTML or for code.
Report hostile() {
  const std::string bad = "</script><b id=planted>\"'&amp;<img src=x onerror=planted()>";
  Report r = training(5, 2, 3);
  r.title = r.ending = bad;
  r.settings = {{bad, bad}, {"__proto__", "{{report}} {{data}} <!--"}};
  r.measures = {"loss", bad};
  r.classes = {bad, "\xff\xfe no UTF-8", std::string(200, 'w')};
  for (auto* all : {&r.worst, &r.best})
    for (Report::Example& example : *all) example.truth = bad, example.guess = r.classes[2];
  r.histograms[0].name = r.stats[0].name = r.updates[0].name = bad;
  r.layers[0] = {bad, bad, bad, 1, 1, 1};
  return r;
}

/// More epochs than anybody reads, the best of validation number 1,234.
Report many_epochs() {
  Report r = training(5000, 1, 3, 5000);
  r.passes[2 * 1233 + 1].values[0] = 1e-6;
  return r;
}

/// Cells of every tenth of their row, to be read upon.
Report shares() {
  Report r = training(5, 1, 9);
  r.confusion.assign(81, 0);
  for (std::size_t truth = 0; truth < 9; ++truth) {
    const double right = 100.0 * static_cast<double>(truth + 1);
    r.confusion[truth * 9 + truth] = right;
    r.confusion[truth * 9 + (truth + 1) % 9] = 1000 - right;
  }
  return r;
}

/// Of nothing but training losses.
Report losses_only() {
  Report r;
  r.losses = {2, kNaN, 1};
  return r;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "usage: report_pages FOLDER\n"), 2;
  const std::string folder = argv[1];
  write_report(folder + "/five.html", training(5, 3, 10));
  write_report(folder + "/wild.html", wild());
  write_report(folder + "/epochs.html", many_epochs());
  write_report(folder + "/shares.html", shares());
  write_report(folder + "/hostile.html", hostile());
  write_report(folder + "/empty.html", Report());
  write_report(folder + "/losses.html", losses_only());
  return 0;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "report_pages: %s\n", error.what()), 1;
}
