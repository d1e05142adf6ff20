#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "engine/machine.h"
#include "engine/shape.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

/// Vector registers through the compiler's vector extension: `a * b + c` on a Vec is one
/// fused-multiply-add on every machine that has one, in float and in double.
namespace kindling::simd {

/// N numbers in a register, N a power of two.
template <class T, int N>
struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
template <class T, int N>
using Vec = typename VecOf<T, N>::type;

/// Numbers of type T in the widest register.
template <class T>
inline constexpr int kLanes = kRegisterBytes / static_cast<int>(sizeof(T));

/// Loads and stores without any wish for alignment.
template <class V, class T>
V load(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof(V));
  return v;
}
template <class V, class T>
void store(T* p, const V& v) {
  std::memcpy(p, &v, sizeof(V));
}
/// A store around the caches, to an address that sizeof(V) divides; where the machine has no such
/// thing, a store. fence() before another thread is told that the numbers are there.
template <class V, class T>
void stream(T* p, const V& v) {
#ifdef __SSE2__
#ifdef __AVX512F__
  if constexpr (sizeof(V) == 64)
    return _mm512_stream_ps(reinterpret_cast<float*>(p), reinterpret_cast<const __m512&>(v));
#endif
#ifdef __AVX__
  if constexpr (sizeof(V) == 32)
    return _mm256_stream_ps(reinterpret_cast<float*>(p), reinterpret_cast<const __m256&>(v));
#endif
  if constexpr (sizeof(V) == 16)
    return _mm_stream_ps(reinterpret_cast<float*>(p), reinterpret_cast<const __m128&>(v));
#endif
  store(p, v);
}
inline void fence() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}
/// The same number in every lane.
template <class V, class T>
V splat(T value) {
  return V{} + value;
}
/// p[0], p[1], p[0], p[1], ...: one load for two numbers.
template <class V, class T>
V load_pairs(const T* p) {
  if constexpr (sizeof(T) == sizeof(float)) {
    std::uint64_t pair;  // as one number, compilers see that it can be loaded into every lane
    std::memcpy(&pair, p, sizeof(pair));
    return (V)(Vec<std::uint64_t, sizeof(V) / sizeof(pair)>{} + pair);
  } else {
    V v;
    for (std::size_t i = 0; i < sizeof(V) / sizeof(T); ++i) v[i] = p[i % 2];
    return v;
  }
}

/// a[0], b[0], a[1], b[1], ...
template <class V, class H>
V zip(const H& a, const H& b) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return __builtin_shufflevector(a, b, (I / 2 + I % 2 * sizeof...(I) / 2)...);
  }
  (std::make_index_sequence<sizeof(V) / sizeof(a[0])>());
}
/// v[first], v[first + 2], ...: undoes zip, for first = 0 and 1.
template <class H, std::size_t kFirst, class V>
H unzip(const V& v) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return __builtin_shufflevector(v, v, (2 * I + kFirst)...);
  }
  (std::make_index_sequence<sizeof(H) / sizeof(v[0])>());
}

/// The same of two registers: a[first], a[first + 2], ..., b[first], b[first + 2], ...
template <std::size_t kFirst, class V>
V unzip(const V& a, const V& b) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return __builtin_shufflevector(a, b, (2 * I + kFirst)...);
  }
  (std::make_index_sequence<sizeof(V) / sizeof(a[0])>());
}
/// v[first], v[first + 1], ...
template <class H, std::size_t kFirst, class V>
H part(const V& v) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return __builtin_shufflevector(v, v, (I + kFirst)...);
  }
  (std::make_index_sequence<sizeof(H) / sizeof(v[0])>());
}
/// op of a register's numbers: of its halves, of theirs, and so on.
template <class V, class Op>
auto fold(const V& v, const Op& op) {
  using T = std::decay_t<decltype(v[0])>;
  constexpr int kHalf = sizeof(V) / sizeof(T) / 2;
  const T* lanes = reinterpret_cast<const T*>(&v);
  if constexpr (kHalf == 0) {
    return lanes[0];
  } else if constexpr (kHalf == 1) {
    return op(lanes[0], lanes[1]);
  } else {
    using Half = Vec<T, kHalf>;
    return fold(op(load<Half>(lanes), load<Half>(lanes + kHalf)), op);
  }
}
/// The sum of a register's numbers.
template <class V>
auto sum(const V& v) {
  return fold(v, [](const auto& a, const auto& b) { return a + b; });
}

}  // namespace kindling::simd
