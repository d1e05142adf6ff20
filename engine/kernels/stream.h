#pragma once

#include <cstdint>
#include <type_traits>

#include "engine/kernels/math.h"
#include "engine/kernels/walk.h"

/// Before a number is stored its cache line is fetched, only to be overwritten. A result that is
/// larger than any cache is therefore written around them, whole registers at a time: on a Zen 4
/// add, relu or a bias on 64 MiB then take three quarters of the time. A smaller one stays in a
/// cache, where the next kernel looks for it.
namespace kindling::kernels {

/// Whether a result of so many numbers is to be written around the caches.
inline bool goes_around(Index size) {
  constexpr Index kFrom = (32 << 20) / sizeof(Scalar);
  return size >= kFrom;
}

/// Calls body(put), in which put(p, v) stores a register or a number, and what was put can be read
/// by others when it returns. Registers go around the caches if asked to: each to an address that
/// its size divides.
template <class Body>
void with_put(bool around, const Body& body) {
  const auto store = [](Scalar* p, const auto& v) { simd::store(p, v); };
  const auto stream = [](Scalar* p, const auto& v) {
    if constexpr (std::is_same_v<std::decay_t<decltype(v)>, Register>)
      simd::stream(p, v);
    else
      simd::store(p, v);
  };
  if (!around) return body(store);
  body(stream);
  simd::fence();
}

/// out[i] = expression[i] for i < n; if asked to and where registers allow it, around the caches:
/// fence() before that is read. Not inlined, so that a formula is compiled once, whatever the ways
/// in which its inputs are walked.
template <class Expression>
[[gnu::noinline]] void put_run(Scalar* out, Index n, bool around, const Expression& expression) {
  using Evaluator = Eigen::internal::evaluator<Expression>;
  using Packet = Eigen::internal::packet_traits<Scalar>::type;
  constexpr Index kLanes = sizeof(Packet) / sizeof(Scalar);
  if constexpr ((Evaluator::Flags & Eigen::PacketAccessBit) != 0)
    if (around && reinterpret_cast<std::uintptr_t>(out) % sizeof(Packet) == 0) {
      const Evaluator numbers(expression);
      Index i = 0;
      for (; i + kLanes <= n; i += kLanes)
        simd::stream(out + i, numbers.template packet<Eigen::Unaligned, Packet>(i));
      for (; i < n; ++i) out[i] = numbers.coeff(i);
      return;
    }
  math::Run(out, n) = expression;
}

}  // namespace kindling::kernels
