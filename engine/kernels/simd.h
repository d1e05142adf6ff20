#pragma once

#include <cstring>

#include "engine/machine.h"
#include "engine/shape.h"

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
/// The same number in every lane.
template <class V, class T>
V splat(T value) {
  return V{} + value;
}
/// The first n numbers of the register only.
template <class V, class T>
void store_first(T* p, const V& v, Index n) {
  std::memcpy(p, &v, static_cast<std::size_t>(n) * sizeof(T));
}

}  // namespace kindling::simd
