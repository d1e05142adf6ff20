// Canvas, part one: all but the lines, which are in canvas_lines.cpp.
#include "learner/plot/canvas.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace kindling::plot {
namespace {

constexpr double kMaxSide = 1 << 15;  // device pixels
constexpr double kMaxArea = 1 << 28;  // keeps the PNG encoder's int arithmetic in range

}  // namespace

bool Rect::overlaps(const Rect& o) const {
  return x < o.right() && o.x < right() && y < o.bottom() && o.y < bottom();
}

bool Rect::contains(Point p) const {
  return p.x >= x && p.x <= right() && p.y >= y && p.y <= bottom();
}

Canvas::Canvas(double width, double height, double scale, Color background) : scale_(scale) {
  const double w = std::ceil(width * scale), h = std::ceil(height * scale);
  if (!(width > 0 && w >= 1 && h >= 1 && w <= kMaxSide && h <= kMaxSide && w * h <= kMaxArea)) {
    throw std::invalid_argument("[plot] a canvas cannot be " + std::to_string(width) + " x " +
                                std::to_string(height) + " pixels at scale " +
                                std::to_string(scale));
  }
  width_ = static_cast<int>(w), height_ = static_cast<int>(h);
  clip_[0] = clip_[1] = 0, clip_[2] = width_, clip_[3] = height_;
  pixels_.resize(static_cast<std::size_t>(width_) * height_ * 3);
  for (std::size_t i = 0; i < pixels_.size(); i += 3) {
    pixels_[i] = background.r, pixels_[i + 1] = background.g, pixels_[i + 2] = background.b;
  }
}

Color Canvas::pixel(int x, int y) const {
  const std::uint8_t* p = &pixels_[(static_cast<std::size_t>(y) * width_ + x) * 3];
  return {p[0], p[1], p[2]};
}

void Canvas::blend(int x, int y, Color color, double coverage) {
  const double a = coverage * color.alpha;
  std::uint8_t* p = &pixels_[(static_cast<std::size_t>(y) * width_ + x) * 3];
  const auto mix = [a](std::uint8_t& under, std::uint8_t over) {
    under = static_cast<std::uint8_t>(std::lround(under + a * (over - under)));
  };
  mix(p[0], color.r), mix(p[1], color.g), mix(p[2], color.b);
}

Canvas::Clip::Clip(Canvas& canvas, const Rect& rect) : canvas_(canvas) {
  std::copy_n(canvas.clip_, 4, saved_);
  const double s = canvas.scale_;
  canvas.clip_[0] = std::max(saved_[0], to_pixel(std::round(rect.x * s)));
  canvas.clip_[1] = std::max(saved_[1], to_pixel(std::round(rect.y * s)));
  canvas.clip_[2] = std::min(saved_[2], to_pixel(std::round(rect.right() * s)));
  canvas.clip_[3] = std::min(saved_[3], to_pixel(std::round(rect.bottom() * s)));
}

Canvas::Clip::~Clip() { std::copy_n(saved_, 4, canvas_.clip_); }

void Canvas::fill_rect(const Rect& rect, Color color) {
  if (!finite({rect.x, rect.y}) || !finite({rect.right(), rect.bottom()})) return;
  const double x0 = std::max<double>(clip_[0], rect.x * scale_);
  const double y0 = std::max<double>(clip_[1], rect.y * scale_);
  const double x1 = std::min<double>(clip_[2], rect.right() * scale_);
  const double y1 = std::min<double>(clip_[3], rect.bottom() * scale_);
  if (x0 >= x1 || y0 >= y1) return;
  for (int y = to_pixel(std::floor(y0)); y < y1; ++y) {
    const double tall = std::min<double>(y + 1, y1) - std::max<double>(y, y0);
    for (int x = to_pixel(std::floor(x0)); x < x1; ++x) {
      const double wide = std::min<double>(x + 1, x1) - std::max<double>(x, x0);
      blend(x, y, color, wide * tall);
    }
  }
}

void Canvas::crisp_line(Point a, Point b, Color color, double width) {
  const double thick = std::max(1.0, std::round(width * scale_)) / scale_;
  const auto snapped = [&](double v) { return std::round((v - thick / 2) * scale_) / scale_; };
  const auto end = [&](double v) { return std::round(v * scale_) / scale_; };
  if (a.y == b.y) {
    const double left = end(std::min(a.x, b.x));
    fill_rect({left, snapped(a.y), end(std::max(a.x, b.x)) - left, thick}, color);
  } else {
    const double top = end(std::min(a.y, b.y));
    fill_rect({snapped(a.x), top, thick, end(std::max(a.y, b.y)) - top}, color);
  }
}

void Canvas::stroke_rect(const Rect& r, Color color, double width) {
  const double half = std::max(1.0, std::round(width * scale_)) / scale_ / 2;
  crisp_line({r.x - half, r.y}, {r.right() + half, r.y}, color, width);
  crisp_line({r.x - half, r.bottom()}, {r.right() + half, r.bottom()}, color, width);
  crisp_line({r.x, r.y + half}, {r.x, r.bottom() - half}, color, width);
  crisp_line({r.right(), r.y + half}, {r.right(), r.bottom() - half}, color, width);
}

void Canvas::image(const Rect& where, const RgbImage& image) {
  const auto sides = [](int side) { return static_cast<std::size_t>(std::max(side, 0)); };
  if (image.rgb.size() != sides(image.width) * sides(image.height) * 3) {
    throw std::invalid_argument("[plot] an image of " + std::to_string(image.height) + " x " +
                                std::to_string(image.width) + " pixels with " +
                                std::to_string(image.rgb.size()) + " bytes");
  }
  if (image.width <= 0 || image.height <= 0 || !finite({where.x, where.y})) return;
  const double left = std::round(where.x * scale_), top = std::round(where.y * scale_);
  const double wide = std::round(where.right() * scale_) - left;
  const double tall = std::round(where.bottom() * scale_) - top;
  if (!(wide >= 1 && tall >= 1)) return;
  const int x1 = std::min(clip_[2], to_pixel(left + wide));
  const int y1 = std::min(clip_[3], to_pixel(top + tall));
  for (int y = std::max(clip_[1], to_pixel(top)); y < y1; ++y) {
    const int row = std::min(image.height - 1, to_pixel((y + 0.5 - top) / tall * image.height));
    for (int x = std::max(clip_[0], to_pixel(left)); x < x1; ++x) {
      const int col = std::min(image.width - 1, to_pixel((x + 0.5 - left) / wide * image.width));
      const std::uint8_t* source =
          &image.rgb[(static_cast<std::size_t>(row) * image.width + col) * 3];
      std::copy_n(source, 3, &pixels_[(static_cast<std::size_t>(y) * width_ + x) * 3]);
    }
  }
}

Rect Canvas::text_box(Point at, const Label& label, double size, Align align, Direction direction) {
  const double length = text_width(label, size), up = text_ascent(label, size);
  const double before = align == Align::left ? 0 : align == Align::center ? length / 2 : length;
  const double thick = up + size * kDescent;
  if (direction == Direction::horizontal) return {at.x - before, at.y - up, length, thick};
  return {at.x - up, at.y + before - length, thick, length};
}

void Canvas::text(Point at, const Label& label, double size, Color color, Align align,
                  Direction direction) {
  if (!finite(at) || label.empty() || !(size > 0)) return;
  const Rect box = text_box(at, label, size, align, direction);
  text_boxes_.push_back({label.plain(), box});
  // The pen's start; the base line snaps to a pixel so that stems and bars look alike.
  const bool across = direction == Direction::horizontal;
  const double along = across ? box.x * scale_ : -box.bottom() * scale_;
  const double whole = std::floor(along);
  const int start = to_pixel(whole);
  const int base = to_pixel(std::round((across ? at.y : at.x) * scale_));
  const TextMask mask = text_mask(label, size * scale_, along - whole);
  for (int r = 0; r < mask.height; ++r) {
    for (int c = 0; c < mask.width; ++c) {
      const std::uint8_t coverage = mask.coverage[static_cast<std::size_t>(r) * mask.width + c];
      const int u = start + mask.left + c, v = base + mask.top + r;
      const int x = across ? u : v, y = across ? v : -1 - u;
      if (coverage == 0 || x < clip_[0] || y < clip_[1] || x >= clip_[2] || y >= clip_[3]) continue;
      blend(x, y, color, coverage / 255.0);
    }
  }
}

}  // namespace kindling::plot
