// A colour, as the screen wants it: 8-bit sRGB channels and an opacity.
#pragma once

#include <cstdint>

namespace kindling::plot {

// Black and opaque unless said otherwise.
struct Color {
  // 0..255 in sRGB.
  // @{
  std::uint8_t r = 0, g = 0, b = 0;
  // @}
  float alpha = 1;  // 0 = invisible, 1 = opaque

  // Field by field, opacity too.
  bool operator==(const Color&) const = default;
  // The old opacity is lost, not multiplied.
  constexpr Color with_alpha(float a) const { return {r, g, b, a}; }
};

// The few colours that every picture shares.
inline constexpr Color kWhite{255, 255, 255};
inline constexpr Color kInk{38, 38, 43};       // text
inline constexpr Color kFrame{110, 110, 118};  // the frame around a plot, and its ticks
inline constexpr Color kGrid{232, 232, 236};   // lines behind the data
inline constexpr Color kMuted{120, 120, 128};  // notes
inline constexpr Color kWrong{196, 43, 43};    // captions of wrong predictions
inline constexpr Color kRight{38, 122, 62};    // captions of right ones

}  // namespace kindling::plot
