// Ready-made pictures of a training run. Each takes plain numbers and comes in two forms:
//
//   Canvas color_dim(panels)          the picture in memory
//   void color_dim(path, panels)      the picture as the PNG file `path`
//
// The second form throws std::runtime_error "[png] cannot write 'PATH': REASON" and leaves no
// half-written file. Both throw std::invalid_argument where a structure below is inconsistent
// (each says how) and where the page would get too large. NaN and infinite values are gaps; no
// data at all gives an empty plot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "learner/plot/canvas.h"

namespace kindling::plot {

// --- what the layers did ---------------------------------------------------------------------

// One layer's activations over time.
struct HistogramPanel {
  std::string name;  // above the panel
  // histograms[batch][bin]: how many |activations| fell into each bin, usually 40 bins over
  // [0, max_activation]. All batches must have equally many bins.
  std::vector<std::vector<double>> histograms;
};

// For color_dim() and dead_chart().
struct ActivationOptions {
  std::string title = {};      // above all panels
  double max_activation = 10;  // upper edge of the last bin, for color_dim(): it throws below 0
};

// A panel a layer. One column of coloured pixels a batch, one row a bin, zero at the bottom;
// the colour is log(1 + count), each panel scaled to its own largest count.
// @{
Canvas color_dim(const std::vector<HistogramPanel>& panels, const ActivationOptions& options = {});
void color_dim(const std::string& path, const std::vector<HistogramPanel>& panels,
               const ActivationOptions& options = {});
// @}

// A panel a layer: the share of the activations in the lowest bin, 0..1, over the batches. A
// batch without any counts is a gap.
// @{
Canvas dead_chart(const std::vector<HistogramPanel>& panels, const ActivationOptions& options = {});
void dead_chart(const std::string& path, const std::vector<HistogramPanel>& panels,
                const ActivationOptions& options = {});
// @}

// The same numbers without a picture: the share of bin 0 in each batch, NaN where it is empty.
std::vector<double> lowest_bin_share(const HistogramPanel& panel);

// One layer's activations over time, in two numbers.
struct StatsSeries {
  std::string name;           // in the legend
  std::vector<double> means;  // one a batch
  std::vector<double> stds;   // the standard deviations, one a batch
};

// Two panels, means and standard deviations over the batches; a line a layer.
// @{
Canvas plot_stats(const std::vector<StatsSeries>& series, const std::string& title = "");
void plot_stats(const std::string& path, const std::vector<StatsSeries>& series,
                const std::string& title = "");
// @}

// How one weight changed over time.
struct UpdateSeries {
  std::string name;               // in the legend
  std::vector<double> gradients;  // the norm of its gradient, one a step
  std::vector<double> ratios;     // that of its change divided by its own, one a step
};

// Two panels with logarithmic axes; a line a weight.
// @{
Canvas update_stats(const std::vector<UpdateSeries>& series, const std::string& title = "");
void update_stats(const std::string& path, const std::vector<UpdateSeries>& series,
                  const std::string& title = "");
// @}

// --- how the training went -------------------------------------------------------------------

// A loss that is not measured at every batch.
struct LossPoint {
  double batch;  // training batches done when it was measured
  double loss;   // of validation
};

// For losses().
struct LossOptions {
  std::string title = {};  // above the plot
  // Of the smoothed training loss, 0 <= smoothing < 1: a batch k away counts smoothing^k. 0
  // draws none.
  double smoothing = 0.9;
};

// Training loss of batch 1, 2, ...; validation loss where each epoch ended. The loss axis turns
// logarithmic when a few losses are so large that the others would lie flat on the ground.
// std::invalid_argument: smoothing outside [0, 1).
// @{
Canvas losses(const std::vector<double>& train, const std::vector<LossPoint>& valid,
              const LossOptions& options = {});
void losses(const std::string& path, const std::vector<double>& train,
            const std::vector<LossPoint>& valid, const LossOptions& options = {});
// @}

// Loss against learning rate, log axis. The suggestion is marked on the curve where there is
// one. When a smoothed curve is given, it is the one, and the losses are pale.
// std::invalid_argument: lrs and losses, or the smoothed ones, of unequal length.
// @{
Canvas lr_find(const std::vector<double>& lrs, const std::vector<double>& losses,
               std::optional<double> suggestion = {}, const std::vector<double>& smoothed = {},
               const std::string& title = "");
void lr_find(const std::string& path, const std::vector<double>& lrs,
             const std::vector<double>& losses, std::optional<double> suggestion = {},
             const std::vector<double>& smoothed = {}, const std::string& title = "");
// @}

// Any numbers that were written down step by step.
struct Series {
  std::string name;            // in the legend
  std::vector<double> values;  // of step first, first + 1, ...
};

// For series().
struct SeriesOptions {
  std::string title = {};         // above the plot
  std::string x_label = "batch";  // what a step is
  std::string y_label = {};       // what the values are
  int first = 1;                  // number of the first step
};

// One panel, a line a series, with a legend when there are several.
// @{
Canvas series(const std::vector<Series>& lines, const SeriesOptions& options = {});
void series(const std::string& path, const std::vector<Series>& lines,
            const SeriesOptions& options = {});
// @}

// How often each class was taken for each: counts[truth * classes + guess]. Cells are shaded by
// their share of the row, the root of it, so that rare mistakes show. The title is how many are
// right, unless given. std::invalid_argument: not classes x classes counts, or one that is negative
// or not finite.
// @{
Canvas confusion_matrix(const std::vector<std::string>& classes, const std::vector<double>& counts,
                        const std::string& title = "");
void confusion_matrix(const std::string& path, const std::vector<std::string>& classes,
                      const std::vector<double>& counts, const std::string& title = "");
// @}

// --- what goes in ----------------------------------------------------------------------------

// Row-major (height, width, channels) with 1 (gray) or 3 (RGB) channels, 0..255.
struct Image {
  // `pixels` holds height * width * channels numbers.
  // @{
  int height = 0, width = 0, channels = 1;
  std::vector<std::uint8_t> pixels;
  // @}
};

// From floats in the same order: `lo` becomes 0, `hi` 255, what lies outside is cut off.
// Without bounds the smallest and largest value are taken (normalised images). NaN becomes 0, and
// so does everything where `hi` is not above `lo`. How many values there are is not checked here
// but in image_grid().
Image image_from_floats(int height, int width, int channels, const std::vector<float>& values,
                        std::optional<float> lo = {}, std::optional<float> hi = {});

// What stands beneath an image.
struct Caption {
  std::string text;    // lines are separated by '\n'
  Color color = kInk;  // kWrong and kRight suit predictions
};

// For image_grid().
struct ImageGridOptions {
  std::string title = {};  // above all images
  int columns = 0;         // 0: about as many as makes the page a bit wider than high
  double cell_width = 84;  // logical pixels; cells are as high as the highest image needs
};

// Images in rows, each with a caption beneath (none if `captions` is empty). Captions too wide
// for their cell are shortened. std::invalid_argument: an image that is empty, has other than 1 or
// 3 channels or whose pixels do not match its size, or a number of captions that is neither 0 nor
// that of the images.
// @{
Canvas image_grid(const std::vector<Image>& images, const std::vector<Caption>& captions = {},
                  const ImageGridOptions& options = {});
void image_grid(const std::string& path, const std::vector<Image>& images,
                const std::vector<Caption>& captions = {}, const ImageGridOptions& options = {});
// @}

}  // namespace kindling::plot
