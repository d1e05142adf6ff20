// The convolutions of the course's models, forward and both gradients, against oneDNN.

#include <algorithm>

#include "bench/oracle.h"
#include "bench/peers.h"
#include "engine/error.h"

namespace kindling::bench {

namespace {

Trial prepare(const ConvLayer& l, Index batch, Pass pass) {
  const Index pad = l.kernel / 2;
  auto p = std::make_shared<Conv>(Conv{l,
                                       batch,
                                       {l.kernel, l.kernel, l.stride, l.stride, pad, pad},
                                       noise({batch, l.size, l.size, l.in}, 1),
                                       noise({l.kernel, l.kernel, l.in, l.out}, 2),
                                       noise({batch, l.out_size(), l.out_size(), l.out}, 3)});
  std::function<Array()> run;
  if (pass == Pass::forward) run = [p] { return kernels::conv2d(p->x, p->w, Array(), p->window); };
  if (pass == Pass::dx)
    run = [p] { return kernels::conv2d_dx(p->dy, p->w, p->x.shape(), p->window); };
  if (pass == Pass::dw)
    run = [p] { return kernels::conv2d_dw(p->dy, p->x, p->w.shape(), p->window); };
  Trial trial{{{kOurs, [run] { run(); }, run}}, expected_conv(*p, pass)};
  for (const Peer& peer : peers())
    if (peer.conv) peer.conv(trial, *p, pass);
  return trial;
}

Case conv(const ConvLayer& l, Index batch, Pass pass, bool quick) {
  constexpr const char* kPass[] = {"forward", "dx", "dw"};
  const auto bytes = [](Index n) { return 4.0 * static_cast<double>(n); };
  const double x = bytes(batch * l.size * l.size * l.in),
               w = bytes(l.kernel * l.kernel * l.in * l.out),
               y = bytes(batch * l.out_size() * l.out_size() * l.out);
  Case c;
  c.name = str("conv/", l.models, "/", l.in, "-", l.out, ",", l.kernel, "x", l.kernel, ",", l.size,
               "x", l.size, l.stride > 1 ? ",stride" + std::to_string(l.stride) : "", "/",
               kPass[static_cast<int>(pass)]);
  if (batch != 1024) c.name += str("/batch", batch);
  c.flops = l.flops() * static_cast<double>(batch);
  c.written = pass == Pass::forward ? y : pass == Pass::dx ? x : w;
  c.read = x + w + y - c.written;
  c.quick = quick;
  c.prepare = [=] { return prepare(l, batch, pass); };
  return c;
}

}  // namespace

void conv_cases(Cases& cases, bool full) {
  std::vector<ConvLayer> layers;
  for (const char* model : {"conv10", "resnet13", "pooled14", "wide14"})
    for (ConvLayer layer : conv_layers(model)) {
      const auto known = std::find(layers.begin(), layers.end(), layer);
      if (known == layers.end())
        layers.push_back(layer), layers.back().models = model;
      else if (known->models.find(model) == std::string::npos)
        known->models += str(",", model);
    }
  int other = 0;
  for (const ConvLayer& layer : layers) {
    // The quick run: conv10 whole, and every fourth of the others at a quarter of the batch.
    const bool conv10 = layer.models.find("conv10") == 0;
    const bool quick = conv10 || other++ % 4 == 1;
    for (const Pass pass : {Pass::forward, Pass::dx, Pass::dw})
      if (full || quick) cases.push_back(conv(layer, conv10 || full ? 1024 : 256, pass, quick));
  }
}

}  // namespace kindling::bench
