// The roofline (Williams, Waterman and Patterson, "Roofline: an insightful visual performance
// model", 2009): how much arithmetic a kernel does for each byte it has to move says how fast it
// can be.

#include <algorithm>
#include <cmath>

#include "bench/report.h"
#include "engine/error.h"
#include "learner/plot/figure.h"

namespace kindling::bench {

namespace {

struct Cloud {
  std::vector<double> x, y;
  void add(const Result& r, double seconds) {
    x.push_back(r.what.flops / (r.what.read + r.what.written));
    y.push_back(r.what.flops / seconds / 1e9);
  }
};

/// In which colour a case is drawn.
std::string kind(const std::string& name) {
  const std::string stem = name.substr(0, name.find('/'));
  if (stem == "conv")
    for (const char* pass : {"forward", "dx", "dw"})
      if (name.find(std::string("/") + pass) != std::string::npos)
        return std::string("conv, ") + pass;
  if (stem == "elementwise" || stem == "update") return "elementwise, optimizers";
  if (stem == "reduce" || stem == "norm" || stem == "loss") return "reductions, norm, loss";
  if (stem == "pool" || stem == "layout") return "pooling, layout";
  return stem;
}

/// min(peak, intensity * bandwidth) between two intensities.
void add_roof(plot::Axes& axes, double lo, double hi, double peak, double bandwidth,
              const std::string& label, plot::LineStyle style) {
  const double knee = std::clamp(peak / bandwidth, lo, hi);
  axes.line({lo, knee, hi},
            {std::min(peak, lo * bandwidth), std::min(peak, knee * bandwidth), peak}, label, style);
}

}  // namespace

void draw_roofline(const std::string& path, const Report& report) {
  std::map<std::string, Cloud> ours;
  Cloud others;
  for (const Result& r : report.results) {
    if (!(r.what.flops > 0) || !(r.what.read > 0) || !r.rounds.contains(kOurs)) continue;
    ours[kind(r.what.name)].add(r, r.median(kOurs));
    double best = std::nan("");
    for (const auto& [name, rounds] : r.rounds)
      if (name != kOurs && !name.starts_with(kMachine)) best = std::fmin(best, r.median(name));
    if (std::isfinite(best)) others.add(r, best);
  }
  double lo = 0.05, hi = 1000;
  for (const auto& [name, cloud] : ours)
    for (const double x : cloud.x) lo = std::min(lo, x / 1.5), hi = std::max(hi, x * 1.5);

  const Limits& limits = report.limits.back();
  plot::Figure figure(1, 1, 620, 400);
  figure.suptitle(str("Kernels under the roofs of the machine, ", limits.threads,
                      limits.threads > 1 ? " threads" : " thread"));
  plot::Axes& axes = figure.at(0);
  axes.title(report.machine)
      .x_label("arithmetic intensity, FLOPs per byte read or written")
      .y_label("GFLOP/s")
      .x_scale(plot::Scale::log10)
      .y_scale(plot::Scale::log10)
      .x_limits(lo, hi)
      .legend(plot::LegendPlace::outside);
  struct Roof {
    double mib;
    plot::Dash dash;
  };
  for (const Roof& roof :
       {Roof{0.5, plot::Dash::dotted}, Roof{8, plot::Dash::dashed}, Roof{256, plot::Dash::solid}})
    for (const Bandwidth& b : limits.bandwidth)
      if (b.footprint == roof.mib * (1 << 20)) {
        const double best = std::max({b.read, b.copy, b.triad, b.update}) / 1e9;
        char label[64];
        std::snprintf(label, sizeof label, "roof over %g MiB: %.0f GB/s", roof.mib, best);
        add_roof(axes, lo, hi, limits.flops / 1e9, best, label,
                 {.color = plot::kInk, .width = 1.2, .dash = roof.dash});
      }
  if (!others.x.empty())
    axes.scatter(others.x, others.y, "the best peer", {.color = plot::kMuted, .marker = 1.6});
  for (const auto& [name, cloud] : ours) axes.scatter(cloud.x, cloud.y, name, {.marker = 2.4});
  char peak[64];
  std::snprintf(peak, sizeof peak, "FMA peak %.0f GFLOP/s", limits.flops / 1e9);
  axes.annotate(std::sqrt(lo * hi) * 4, limits.flops / 1e9, plot::Label(peak), plot::kInk, 0);
  figure.save(path);
}

}  // namespace kindling::bench
