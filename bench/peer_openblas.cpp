// OpenBLAS: sgemm through the C interface.

#include <cblas.h>

#include "bench/peers.h"

namespace kindling::bench {

namespace {

void add_matmul(Trial& trial, const Matmul& p) {
  Array c({p.n, p.m});
  const auto run = [p, out = c.data()] {
    const auto n = static_cast<blasint>(p.n), k = static_cast<blasint>(p.k),
               m = static_cast<blasint>(p.m);
    cblas_sgemm(CblasRowMajor, p.left() ? CblasTrans : CblasNoTrans,
                p.right() ? CblasTrans : CblasNoTrans, n, m, k, 1, p.a.data(), p.left() ? n : k,
                p.b.data(), p.right() ? k : m, 0, out, m);
  };
  trial.contenders.push_back({"OpenBLAS", run, [run, c] { return run(), c; }});
  // On small products its threads get in each other's way; a user would turn them off.
  constexpr double kSmall = 2e8;
  const int threads = openblas_get_num_threads();
  if (threads == 1 || 2.0 * static_cast<double>(p.n * p.k * p.m) > kSmall) return;
  const auto alone = [run, threads] {
    openblas_set_num_threads(1);
    run();
    openblas_set_num_threads(threads);
  };
  trial.contenders.push_back({"OpenBLAS one-thread", alone, [alone, c] { return alone(), c; }});
}

/// "OpenBLAS 0.3.21 NO_AFFINITY ...": the second word.
std::string version() {
  const std::string config = openblas_get_config();
  const auto from = config.find(' ') + 1;
  return config.substr(from, config.find(' ', from) - from);
}

const bool added = add_peer({.name = "OpenBLAS",
                             .version = version(),
                             .set_threads = openblas_set_num_threads,
                             .matmul = add_matmul});

}  // namespace

}  // namespace kindling::bench
