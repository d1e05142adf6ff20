#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace kindling {

/// Bytes as letters, digits, + and /, four for every three, padded with = (RFC 4648, section 4).
std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace kindling
