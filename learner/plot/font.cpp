#include "learner/plot/font.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

// The assembler copies the font file into the read-only data (ELF; the build defines
// KINDLING_FONT_FILE): a binary carries its typeface wherever it goes.
__asm__(
    ".pushsection .rodata,\"a\"\n"
    ".balign 16\n"
    ".globl kindling_plot_font\n"
    ".hidden kindling_plot_font\n"
    "kindling_plot_font:\n"
    ".incbin \"" KINDLING_FONT_FILE
    "\"\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const unsigned char kindling_plot_font[];

namespace kindling::plot {
namespace {

constexpr double kSuperScale = 0.7;   // size of a superscript
constexpr double kSuperRaise = 0.37;  // em it stands above the base line
constexpr char32_t kReplacement = 0xFFFD;

const stbtt_fontinfo& font() {
  static const stbtt_fontinfo info = [] {
    stbtt_fontinfo f;
    if (!stbtt_InitFont(&f, kindling_plot_font, 0)) {
      throw std::runtime_error("[plot] the embedded font is not a TrueType font");
    }
    return f;
  }();
  return info;
}

// Takes one code point off the front of `s`. A broken sequence costs one byte.
char32_t next_code_point(std::string_view& s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  char32_t code = length == 1 ? lead : lead & (0x7F >> length);
  bool good = length > 0 && length <= s.size();
  for (std::size_t i = 1; good && i < length; ++i) {
    good = (byte(i) & 0xC0) == 0x80;
    code = code << 6 | (byte(i) & 0x3F);
  }
  s.remove_prefix(good ? length : 1);
  if (!good) return kReplacement;
  return code < 0x20 || code == 0x7F ? U' ' : code;
}

// Calls visit(glyph, pen_x, size, raise) for every glyph of `label`; returns the final pen x.
template <class Visit>
double for_each_glyph(const Label& label, double size, Visit visit) {
  double pen = 0;
  for (const Label::Run& run : label.runs) {
    const double run_size = run.superscript ? size * kSuperScale : size;
    const double unit = stbtt_ScaleForMappingEmToPixels(&font(), static_cast<float>(run_size));
    std::string_view rest = run.text;
    int previous = 0;
    while (!rest.empty()) {
      const int glyph = stbtt_FindGlyphIndex(&font(), static_cast<int>(next_code_point(rest)));
      if (previous != 0) pen += unit * stbtt_GetGlyphKernAdvance(&font(), previous, glyph);
      visit(glyph, pen, run_size, run.superscript ? size * kSuperRaise : 0.0);
      int advance = 0, bearing = 0;
      stbtt_GetGlyphHMetrics(&font(), glyph, &advance, &bearing);
      pen += unit * advance;
      previous = glyph;
    }
  }
  return pen;
}

// A whole glyph's place: its scale, its subpixel shift and its box around the pen's start.
struct GlyphPlace {
  float unit, shift;
  int x0, y0, x1, y1;
};

GlyphPlace place_glyph(int glyph, double x, double size, double raise) {
  GlyphPlace p;
  p.unit = stbtt_ScaleForMappingEmToPixels(&font(), static_cast<float>(size));
  const double whole = std::floor(x);
  p.shift = static_cast<float>(x - whole);
  stbtt_GetGlyphBitmapBoxSubpixel(&font(), glyph, p.unit, p.unit, p.shift, 0, &p.x0, &p.y0, &p.x1,
                                  &p.y1);
  const int dx = static_cast<int>(whole), dy = -static_cast<int>(std::lround(raise));
  p.x0 += dx, p.x1 += dx, p.y0 += dy, p.y1 += dy;
  return p;
}

}  // namespace

Label& Label::append(std::string text, bool superscript) {
  if (!text.empty()) runs.push_back({std::move(text), superscript});
  return *this;
}

std::string Label::plain() const {
  std::string all;
  for (const Run& run : runs) all += run.superscript ? "^{" + run.text + "}" : run.text;
  return all;
}

double text_width(const Label& label, double size) {
  return for_each_glyph(label, size, [](int, double, double, double) {});
}

double text_ascent(const Label& label, double size) {
  const bool raised = std::ranges::any_of(label.runs, &Label::Run::superscript);
  return size * (raised ? kSuperAscent : kAscent);
}

std::string shortened(const std::string& text, double size, double max_width) {
  if (text_width(text, size) <= max_width) return text;
  std::vector<std::string> letters;  // code points, so that no letter is cut in two
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view before = rest;
    next_code_point(rest);
    letters.emplace_back(before.substr(0, before.size() - rest.size()));
  }
  const auto with_kept = [&](std::size_t kept) {
    std::string s;
    for (std::size_t i = 0; i < (kept + 1) / 2; ++i) s += letters[i];
    s += "…";
    for (std::size_t i = letters.size() - kept / 2; i < letters.size(); ++i) s += letters[i];
    return s;
  };
  std::size_t fits = 0, too_many = letters.size();
  while (too_many - fits > 1) {
    const std::size_t middle = (fits + too_many) / 2;
    (text_width(with_kept(middle), size) <= max_width ? fits : too_many) = middle;
  }
  return with_kept(fits);
}

TextMask text_mask(const Label& label, double size, double fraction) {
  TextMask mask;
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  for_each_glyph(label, size, [&](int glyph, double x, double glyph_size, double raise) {
    const GlyphPlace p = place_glyph(glyph, x + fraction, glyph_size, raise);
    x0 = std::min(x0, p.x0), y0 = std::min(y0, p.y0);
    x1 = std::max(x1, p.x1), y1 = std::max(y1, p.y1);
  });
  mask.left = x0, mask.top = y0, mask.width = x1 - x0, mask.height = y1 - y0;
  mask.coverage.assign(static_cast<std::size_t>(mask.width) * mask.height, 0);
  std::vector<std::uint8_t> bitmap;
  for_each_glyph(label, size, [&](int glyph, double x, double glyph_size, double raise) {
    const GlyphPlace p = place_glyph(glyph, x + fraction, glyph_size, raise);
    const int w = p.x1 - p.x0, h = p.y1 - p.y0;
    if (w <= 0 || h <= 0) return;  // a space
    bitmap.assign(static_cast<std::size_t>(w) * h, 0);
    stbtt_MakeGlyphBitmapSubpixel(&font(), bitmap.data(), w, h, w, p.unit, p.unit, p.shift, 0,
                                  glyph);
    for (int r = 0; r < h; ++r) {
      for (int c = 0; c < w; ++c) {
        const std::size_t at =
            static_cast<std::size_t>(p.y0 - y0 + r) * mask.width + (p.x0 - x0 + c);
        const std::uint8_t here = bitmap[static_cast<std::size_t>(r) * w + c];
        mask.coverage[at] = std::max(mask.coverage[at], here);
      }
    }
  });
  return mask;
}

}  // namespace kindling::plot
