// Trains networks on Fashion-MNIST by one of many recipes, looks inside them, and uses them.
//
//     fashion_mnist                        a small network trained well
//     fashion_mnist --recipe lesson16      too fast on purpose: something to see in color_dim.png
//     fashion_mnist --resume out/last.safetensors      goes on where that training was interrupted
//     fashion_mnist predict shoe.jpg       what is on a photo
//     fashion_mnist --help                 all it can do

#include <cstdio>
#include <optional>

#include "engine/error.h"
#include "engine/parallel.h"
#include "learner/examples/example.h"
#include "learner/examples/fashion_mnist/options.h"
#include "learner/examples/fashion_mnist/print_error.h"
#include "learner/stop_signals.h"

using namespace kindling;

/// The options that a training which goes on needs again, because no checkpoint has them.
std::string again(const Options& o) {
  std::string words;
  if (!o.data.empty()) words += " --data " + quoted(o.data);
  if (!o.tensorboard.empty()) words += " --tensorboard " + quoted(o.tensorboard);
  if (o.save_every > 0) words += str(" --save-every ", o.save_every);
  if (o.live) words += str(" --live ", *o.live);
  return words;
}

int main(int argc, char** argv) {
  Options options;
  try {
    const std::optional<int> ended = parse(argc, argv, options);
    if (!ended) {
      set_threads(options.threads);
      print_machine();
      options.command(options);
    }
    check<Error>(std::fflush(stdout) == 0 && !std::ferror(stdout), "stdout",
                 "cannot write the result");
    return ended.value_or(0);
  } catch (const Stopped& stopped) {
    if (stopped.saved.empty())
      std::fprintf(stderr, "fashion_mnist: stopped\n");
    else
      std::fprintf(stderr, "fashion_mnist: stopped; to go on: %s --resume %s%s\n",
                   quoted(argv[0]).c_str(), quoted(stopped.saved).c_str(), again(options).c_str());
    return 128 + stopped.signal;
  } catch (const std::bad_alloc&) {
    print_error("out of memory");
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return 1;
}
