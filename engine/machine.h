#pragma once

#include <string>

namespace kindling {

/// What the compiler was told of the processor: bytes in a vector register, how many registers, and
/// the name of the instruction set.
/// @{
#if defined(__AVX512F__)
inline constexpr int kRegisterBytes = 64;
inline constexpr int kRegisters = 32;
inline constexpr const char* kInstructionSet = "AVX-512";
#elif defined(__AVX2__)
inline constexpr int kRegisterBytes = 32;
inline constexpr int kRegisters = 16;
inline constexpr const char* kInstructionSet = "AVX2";
#elif defined(__AVX__)
inline constexpr int kRegisterBytes = 32;
inline constexpr int kRegisters = 16;
inline constexpr const char* kInstructionSet = "AVX";
#elif defined(__aarch64__)
inline constexpr int kRegisterBytes = 16;
inline constexpr int kRegisters = 32;
inline constexpr const char* kInstructionSet = "NEON";
#else
inline constexpr int kRegisterBytes = 16;
inline constexpr int kRegisters = 16;
inline constexpr const char* kInstructionSet = "128-bit vectors";
#endif
/// @}

/// "AMD EPYC 9654 96-Core Processor", or what else Linux says of it; "unknown" elsewhere.
std::string processor_name();
/// "GCC 12.2.0": what the library was compiled by.
std::string compiler_name();

}  // namespace kindling
