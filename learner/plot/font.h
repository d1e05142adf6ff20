// Text: one typeface (DejaVu Sans), compiled into the binary, measured and turned into
// coverage masks. Sizes are heights of the em square; `size` and all results of a call share
// one unit (logical pixels when laying out, device pixels when drawing).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kindling::plot {

// A line of text that may contain superscripts: {"10"}, {"-3", superscript}.
// Strings are UTF-8; broken sequences show as the replacement character, control characters
// (line ends, tabs) as a space.
struct Label {
  // A piece of text of one kind.
  struct Run {
    std::string text;          // UTF-8
    bool superscript = false;  // smaller and raised
    // Field by field.
    bool operator==(const Run&) const = default;
  };
  std::vector<Run> runs;  // from left to right

  Label() = default;
  // One run, which is no superscript; an empty text makes none.
  // @{
  Label(std::string text) { append(std::move(text)); }  // NOLINT: a string is a label
  Label(const char* text) { append(text); }             // NOLINT
  // @}

  // A run at the end, unless the text is empty. Returns *this.
  Label& append(std::string text, bool superscript = false);
  // There are no runs.
  bool empty() const { return runs.empty(); }
  std::string plain() const;  // superscripts as ^{...}; for tests and messages
  // Run by run: the same text in other runs is another label.
  bool operator==(const Label&) const = default;
};

// Of every line, whatever its letters, so that lines of text align.
inline constexpr double kAscent = 0.78;  // em above the base line; Å and superscripts may pass
inline constexpr double kSuperAscent = 0.93;  // the same for a label with a superscript
inline constexpr double kDescent = 0.23;      // em below it
inline constexpr double kCapHeight = 0.729;   // em from the base line to the top of an H

// How far the pen moves over `label`.
double text_width(const Label& label, double size);
// kAscent or kSuperAscent, times the size.
double text_ascent(const Label& label, double size);

// `text`, or its beginning and end around an ellipsis so that it is no wider than `max_width`; at
// least the ellipsis. The ends of a layer's path tell more than its middle.
std::string shortened(const std::string& text, double size, double max_width);

// Coverage 0..255, row-major; pixel (0, 0) lies `left`, `top` pixels from the pen's start.
struct TextMask {
  // In pixels; `top` is negative for what stands above the base line.
  // @{
  int left = 0, top = 0, width = 0, height = 0;
  // @}
  std::vector<std::uint8_t> coverage;  // width * height bytes
};

// Draws `label` with the pen starting `fraction` (0..1) of a pixel right of a pixel boundary.
TextMask text_mask(const Label& label, double size, double fraction);

}  // namespace kindling::plot
