#include "engine/kernels/conv2d_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

namespace kindling::kernels {

namespace {

/// What one position of the result meets along one axis: `count` inputs from `in` on, with the
/// kernel positions tap, tap + step, ...
struct Reach {
  Index in, tap, count;
};

/// y[o] gathers x[o s - p + k], k = 0, 1, ... where that is inside.
std::vector<Reach> forward_reach(Index in, Index out, Index kernel, Index stride, Index padding) {
  std::vector<Reach> all;
  for (Index o = 0; o < out; ++o) {
    const Index first = o * stride - padding;
    const Index tap = std::max<Index>(0, -first), end = std::min(kernel, in - first);
    all.push_back({first + tap, tap, std::max<Index>(0, end - tap)});
  }
  return all;
}

/// dx[i] gathers dy[o] where i = o s - p + k for some k, so o from ceil((i + p - K + 1) / s) to
/// floor((i + p) / s). As o grows by 1, k falls by s, and the reversed K - 1 - k grows by s.
std::vector<Reach> backward_reach(Index in, Index out, Index kernel, Index stride, Index padding) {
  std::vector<Reach> all;
  for (Index i = 0; i < in; ++i) {
    const Index reach = i + padding - kernel + 1;
    const Index first = reach <= 0 ? 0 : (reach + stride - 1) / stride;
    const Index end = std::min(out, (i + padding) / stride + 1);
    const Index k = i + padding - first * stride;
    all.push_back({first, kernel - 1 - k, std::max<Index>(0, end - first)});
  }
  return all;
}

/// Joins the reaches of both axes: one stencil for each pair of different ones.
Plan make_plan(const std::vector<Reach>& rows, const std::vector<Reach>& columns, Index width,
               Index features, Index kernel_w, Index step_h, Index step_w) {
  std::map<std::array<Index, 4>, Stencil> stencils;
  const Index out_w = static_cast<Index>(columns.size());
  for (std::size_t y = 0; y < rows.size(); ++y)
    for (std::size_t x = 0; x < columns.size(); ++x) {
      const Reach &r = rows[y], &c = columns[x];
      const bool any = r.count > 0 && c.count > 0;
      Stencil& stencil =
          stencils[any ? std::array{r.tap, r.count, c.tap, c.count} : std::array<Index, 4>{}];
      stencil.pixels.push_back({any ? (r.in * width + c.in) * features : 0,
                                static_cast<Index>(y) * out_w + static_cast<Index>(x)});
      if (!any || !stencil.segments.empty()) continue;
      // Neighbouring columns that meet neighbouring weights are one long segment.
      const Index together = step_w == 1 ? c.count : 1;
      for (Index i = 0; i < r.count; ++i)
        for (Index j = 0; j < c.count; j += together)
          stencil.segments.push_back(
              {(i * width + j) * features,
               ((r.tap + i * step_h) * kernel_w + c.tap + j * step_w) * features,
               together * features});
    }
  Plan plan;
  plan.pixels = static_cast<Index>(rows.size()) * out_w;
  for (auto& [key, stencil] : stencils) {
    for (const Segment& segment : stencil.segments)
      plan.steps += segment.length * static_cast<Index>(stencil.pixels.size());
    plan.stencils.push_back(std::move(stencil));
  }
  return plan;
}

using Key = std::array<Index, 10>;

template <class Make>
std::shared_ptr<const Plan> kept(const Key& key, const Make& make) {
  constexpr std::size_t kMost = 256;  // plenty for a model; a stream of ever new sizes starts over
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const Plan>> plans;
  const std::lock_guard lock(mutex);
  if (const auto found = plans.find(key); found != plans.end()) return found->second;
  if (plans.size() >= kMost) plans.clear();
  return plans[key] = std::make_shared<const Plan>(make());
}

}  // namespace

std::shared_ptr<const Plan> forward_plan(Index h, Index w, Index c, const Window& win) {
  const Key key{0,
                h,
                w,
                c,
                win.kernel_h,
                win.kernel_w,
                win.stride_h,
                win.stride_w,
                win.padding_h,
                win.padding_w};
  return kept(key, [&] {
    const Index oh = window_extent(h, win.kernel_h, win.stride_h, win.padding_h);
    const Index ow = window_extent(w, win.kernel_w, win.stride_w, win.padding_w);
    return make_plan(forward_reach(h, oh, win.kernel_h, win.stride_h, win.padding_h),
                     forward_reach(w, ow, win.kernel_w, win.stride_w, win.padding_w), w, c,
                     win.kernel_w, 1, 1);
  });
}

std::shared_ptr<const Plan> backward_plan(Index h, Index w, Index m, const Window& win) {
  const Key key{1,
                h,
                w,
                m,
                win.kernel_h,
                win.kernel_w,
                win.stride_h,
                win.stride_w,
                win.padding_h,
                win.padding_w};
  return kept(key, [&] {
    const Index oh = window_extent(h, win.kernel_h, win.stride_h, win.padding_h);
    const Index ow = window_extent(w, win.kernel_w, win.stride_w, win.padding_w);
    return make_plan(backward_reach(h, oh, win.kernel_h, win.stride_h, win.padding_h),
                     backward_reach(w, ow, win.kernel_w, win.stride_w, win.padding_w), ow, m,
                     win.kernel_w, win.stride_h, win.stride_w);
  });
}

}  // namespace kindling::kernels
