// oneDNN through its own C++ interface. Images are channels-last, as ours; the layout of the
// weights is oneDNN's choice, and turning them into it is not timed. float stays float.

#include <dnnl.hpp>
#include <unordered_map>

#include "bench/peers.h"
#include "engine/error.h"

namespace kindling::bench {

namespace {

using dnnl::memory;
using Tag = memory::format_tag;

dnnl::engine& cpu() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
dnnl::stream& stream() {
  static dnnl::stream stream(cpu());
  return stream;
}

memory::desc describe(memory::dims dims, Tag tag) {
  return memory::desc(std::move(dims), memory::data_type::f32, tag);
}
/// oneDNN takes no pointer to const, also where it only reads.
memory view(const memory::desc& desc, const Array& array) {
  return memory(desc, cpu(), const_cast<float*>(array.data()));
}
memory converted(const memory& from, const memory::desc& to) {
  memory result(to, cpu());
  dnnl::reorder(from, result).execute(stream(), const_cast<memory&>(from), result);
  stream().wait();
  return result;
}

/// What oneDNN calls things: images by (N,C,H,W) whatever their layout, weights by (M,C,KH,KW).
struct Problem {
  explicit Problem(const Conv& p)
      : x(describe({p.batch, p.layer.in, p.layer.size, p.layer.size}, Tag::nhwc)),
        y(describe({p.batch, p.layer.out, p.layer.out_size(), p.layer.out_size()}, Tag::nhwc)),
        ours(describe(weights(p), Tag::hwio)),
        w(describe(weights(p), Tag::any)),
        stride{p.layer.stride, p.layer.stride},
        padding{p.window.padding_h, p.window.padding_w} {
    attr.set_fpmath_mode(dnnl::fpmath_mode::strict);
  }
  static memory::dims weights(const Conv& p) {
    return {p.layer.out, p.layer.in, p.layer.kernel, p.layer.kernel};
  }
  memory::desc x, y, ours, w;
  memory::dims stride, padding;
  dnnl::primitive_attr attr;
  dnnl::algorithm how = dnnl::algorithm::convolution_auto;
};

dnnl::convolution_forward::primitive_desc forward_desc(const Problem& p) {
  return {{dnnl::prop_kind::forward_training, p.how, p.x, p.w, p.y, p.stride, p.padding, p.padding},
          p.attr,
          cpu()};
}

using Arguments = std::unordered_map<int, memory>;

void add(Trial& trial, const dnnl::primitive& primitive, const Arguments& arguments,
         const std::function<Array()>& result) {
  const auto run = [primitive, arguments] {
    primitive.execute(stream(), arguments);
    stream().wait();
  };
  trial.contenders.push_back({"oneDNN", run, [run, result] { return run(), result(); }});
}

void add_conv(Trial& trial, const Conv& c, Pass pass) {
  const Problem p(c);
  const auto forward = forward_desc(p);
  const memory w = view(p.ours, c.w);
  if (pass == Pass::forward) {
    Array y(c.dy.shape());
    const memory out(p.y, cpu(), y.data());
    add(trial, dnnl::convolution_forward(forward),
        {{DNNL_ARG_SRC, view(p.x, c.x)},
         {DNNL_ARG_WEIGHTS, converted(w, forward.weights_desc())},
         {DNNL_ARG_DST, out}},
        [c, y] { return y; });
  } else if (pass == Pass::dx) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {p.how, p.x, p.w, p.y, p.stride, p.padding, p.padding}, p.attr, cpu(), forward);
    Array dx(c.x.shape());
    const memory out(p.x, cpu(), dx.data());
    add(trial, dnnl::convolution_backward_data(backward),
        {{DNNL_ARG_DIFF_DST, view(p.y, c.dy)},
         {DNNL_ARG_WEIGHTS, converted(w, backward.weights_desc())},
         {DNNL_ARG_DIFF_SRC, out}},
        [c, dx] { return dx; });
  } else {
    const dnnl::convolution_backward_weights::primitive_desc backward(
        {p.how, p.x, p.w, p.y, p.stride, p.padding, p.padding}, p.attr, cpu(), forward);
    const memory dw(backward.diff_weights_desc(), cpu());
    add(trial, dnnl::convolution_backward_weights(backward),
        {{DNNL_ARG_SRC, view(p.x, c.x)},
         {DNNL_ARG_DIFF_DST, view(p.y, c.dy)},
         {DNNL_ARG_DIFF_WEIGHTS, dw}},
        [c, dw, ours = p.ours] {
          const memory plain = converted(dw, ours);
          Array result(c.w.shape());
          const auto* from = static_cast<const float*>(plain.get_data_handle());
          std::copy_n(from, result.size(), result.data());
          return result;
        });
  }
}

std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return str(v->major, ".", v->minor, ".", v->patch);
}

// oneDNN asks OpenMP how many threads there are.
const bool added =
    add_peer({.name = "oneDNN", .version = version(), .set_threads = [](int) {}, .conv = add_conv});

}  // namespace

}  // namespace kindling::bench
