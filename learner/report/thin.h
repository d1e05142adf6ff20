// Long curves, as far as a screen can show them.
#pragma once

#include <cstddef>
#include <vector>

namespace kindling {

/// Which of the values a curve needs to look the same in so many columns of pixels: the first and
/// the last one, and of every column (an even share of the values) the smallest, the largest and
/// the first that is not finite. So a spike stays, as high as it was, and so does a gap. Ascending;
/// all of them when they are few.
std::vector<std::size_t> thinned(const std::vector<double>& values, std::size_t columns);

/// So many of the numbers 0 to n - 1, evenly spaced, both ends among them; all when n is not more.
std::vector<std::size_t> evenly_spaced(std::size_t n, std::size_t count);

}  // namespace kindling
