// Eigen's product with Eigen's own threads. The rest of the program is compiled without them, and
// one program must not hold two versions of the same template: here all of Eigen has another name.
#undef EIGEN_DONT_PARALLELIZE
#define Eigen EigenWithThreads

#include <Eigen/Core>

#include "bench/peers.h"
#include "engine/error.h"

namespace kindling::bench {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using In = Eigen::Map<const Matrix>;
using Out = Eigen::Map<Matrix>;

void add_matmul(Trial& trial, const Matmul& p) {
  Array c({p.n, p.m});
  const auto run = [p, out = c.data()] {
    const In a(p.a.data(), p.left() ? p.k : p.n, p.left() ? p.n : p.k);
    const In b(p.b.data(), p.right() ? p.m : p.k, p.right() ? p.k : p.m);
    Out y(out, p.n, p.m);
    switch (p.trans) {
      case Trans::none:
        y.noalias() = a * b;
        break;
      case Trans::left:
        y.noalias() = a.transpose() * b;
        break;
      case Trans::right:
        y.noalias() = a * b.transpose();
        break;
      case Trans::both:
        y.noalias() = a.transpose() * b.transpose();
        break;
    }
  };
  trial.contenders.push_back({"Eigen", run, [run, c] { return run(), c; }});
}

const bool added = add_peer(
    {.name = "Eigen",
     .version = str(EIGEN_WORLD_VERSION, ".", EIGEN_MAJOR_VERSION, ".", EIGEN_MINOR_VERSION),
     .set_threads = Eigen::setNbThreads,
     .matmul = add_matmul});

}  // namespace

}  // namespace kindling::bench
