// Products: squares with all four ways of reading the operands, and the shapes that training meets.
// Eigen and OpenBLAS compute the same ones.

#include "bench/oracle.h"
#include "bench/peers.h"
#include "engine/error.h"

namespace kindling::bench {

namespace {

Trial prepare(Index n, Index k, Index m, Trans trans) {
  auto p = std::make_shared<Matmul>(Matmul{n, k, m, trans, {}, {}});
  p->a = noise(p->left() ? Shape{k, n} : Shape{n, k}, 1);
  p->b = noise(p->right() ? Shape{m, k} : Shape{k, m}, 2);
  const auto product = [p] { return kernels::gemm(p->a, p->b, p->trans); };
  Trial trial{{{kOurs, [product] { product(); }, product}}, expected_matmul(*p)};
  for (const Peer& peer : peers())
    if (peer.matmul) peer.matmul(trial, *p);
  return trial;
}

Case matmul(Index n, Index k, Index m, Trans trans, const char* how) {
  Case c;
  c.name = str("matmul/", n, "x", k, "x", m, "/", how);
  c.flops = 2.0 * static_cast<double>(n * k * m);
  c.read = 4.0 * static_cast<double>(n * k + k * m);
  c.written = 4.0 * static_cast<double>(n * m);
  c.quick = n < 2048 || trans == Trans::none;
  c.prepare = [=] { return prepare(n, k, m, trans); };
  return c;
}

}  // namespace

void matmul_cases(Cases& cases) {
  struct Way {
    Trans trans;
    const char* name;
  };
  for (const Index n : {256, 512, 1024, 2048})
    for (const Way& way : {Way{Trans::none, "a*b"}, Way{Trans::left, "aT*b"},
                           Way{Trans::right, "a*bT"}, Way{Trans::both, "aT*bT"}})
      cases.push_back(matmul(n, n, n, way.trans, way.name));
  struct Shape3 {
    Index n, k, m;
  };
  for (const auto& [n, k, m] :
       {Shape3{1024, 784, 50}, Shape3{1024, 512, 10}, Shape3{50176, 25, 8}, Shape3{12544, 72, 16},
        Shape3{16384, 576, 64}, Shape3{256, 2304, 1024}})
    cases.push_back(matmul(n, k, m, Trans::none, "a*b"));
}

}  // namespace kindling::bench
