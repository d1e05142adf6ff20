#!/usr/bin/python3
"""The course's rows of up to five epochs in PyTorch: what they come to over several seeds.

  course.py --row init [--seeds 3] [--threads 2] [--data DIR]

Prints the accuracy on the 10,000 test images after the last epoch, for every seed, and the seconds
an epoch of training takes. Needs PyTorch >= 1.13 and NumPy (Debian: python3-torch,
dataset-fashion-mnist).
"""
import argparse, gzip, statistics, time
import numpy as np, torch
from torch import nn
import torch.nn.functional as F


def load(directory):
    def idx(name, header):
        with gzip.open(f"{directory}/{name}.gz") as f:
            return np.frombuffer(f.read(), np.uint8, offset=header)

    def split(prefix):
        x = idx(f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255
        y = idx(f"{prefix}-labels-idx1-ubyte", 8).astype(np.int64)
        return torch.tensor((x - 0.28) / 0.35), torch.tensor(y)

    return *split("train"), *split("t10k")


class GeneralRelu(nn.Module):
    def forward(self, x):
        return F.leaky_relu(x, 0.1) - 0.4


def conv(ni, nf, ks=3, stride=2, act=GeneralRelu, norm=None):
    layers = [nn.Conv2d(ni, nf, ks, stride, ks // 2)]
    if norm: layers.append(norm(nf))
    if act: layers.append(act())
    return nn.Sequential(*layers)


def layer_norm(channels):  # the course's own has one scale and one shift for all channels
    return nn.GroupNorm(1, channels)


def net(act, norm, first=5):
    c = lambda a, b, ks=3: conv(a, b, ks, act=act, norm=norm)
    return nn.Sequential(c(1, 8, first), c(8, 16), c(16, 32), c(32, 64),
                         conv(64, 10, act=None), nn.Flatten())


def kaiming(model, leak):
    for m in model.modules():
        if isinstance(m, nn.Conv2d): nn.init.kaiming_normal_(m.weight, a=leak)
    return model


@torch.no_grad()
def lsuv(model, x):
    """Scales every convolution but the last so that the activation behind it has deviation 1."""
    for block in list(model)[:4]:
        conv, act = block[0], block[-1]
        out = []
        hook = act.register_forward_hook(lambda m, i, o: out.append(o))
        for _ in range(100):
            out.clear(); model(x)
            mean, std = out[0].mean(), out[0].std()
            if abs(mean) < 1e-3 and abs(std - 1) < 1e-3: break
            conv.bias -= mean; conv.weight /= std
        hook.remove()
    return model


def rows():
    batch = nn.BatchNorm2d
    course = lambda leak, act, norm: lambda x: kaiming(net(act, norm), leak)
    linger = dict(opt=lambda p: torch.optim.SGD(p, 0.2), keep=0.85, epochs=3)
    normed = lambda x: kaiming(net(GeneralRelu, batch, 3), 0.1)
    quarter = lambda opt, steps: torch.optim.lr_scheduler.LambdaLR(
        opt, lambda t: 1 if t < 0.6 * steps else 0.25)
    cycle = lambda lr: lambda opt, steps: torch.optim.lr_scheduler.OneCycleLR(
        opt, lr, total_steps=steps)
    down = lambda opt, steps: torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    o = torch.optim
    return {
        "init": dict(model=course(0, nn.ReLU, None), **linger),
        "relu": dict(model=course(0.1, GeneralRelu, None), **linger),
        "lsuv": dict(model=lambda x: lsuv(net(GeneralRelu, None), x), **linger),
        "layernorm": dict(model=course(0.1, GeneralRelu, layer_norm), **linger),
        "batchnorm": dict(model=course(0.1, GeneralRelu, batch), **{**linger, "epochs": 5},
                          batch_size=256, schedule=quarter),
        "sgd": dict(model=normed, opt=lambda p: o.SGD(p, 0.4), epochs=3),
        "momentum": dict(model=normed, opt=lambda p: o.SGD(p, 0.15, momentum=0.9), epochs=3),
        "rmsprop": dict(model=normed, opt=lambda p: o.RMSprop(p, 3e-3, eps=1e-5), epochs=3),
        "adam": dict(model=normed, opt=lambda p: o.Adam(p, 6e-3, (0.9, 0.99), 1e-5), epochs=3),
        "cosine": dict(model=normed, opt=lambda p: o.AdamW(p, 2e-2), epochs=3, schedule=down),
        "onecycle": dict(model=normed, opt=lambda p: o.AdamW(p, 6e-2), epochs=5,
                         schedule=cycle(6e-2)),
    }


def train(row, seed, data):
    x, y, test_x, test_y = data
    torch.manual_seed(seed)
    size = row.get("batch_size", 1024)
    model = row["model"](x[torch.randperm(len(x))[:size]])
    opt = row["opt"](model.parameters())
    batches = -(-len(x) // size)
    sched = row["schedule"](opt, row["epochs"] * batches) if "schedule" in row else None
    seconds = 0
    for _ in range(row["epochs"]):
        model.train()
        began = time.perf_counter()
        for chosen in torch.randperm(len(x)).split(size):
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            opt.step()
            if sched: sched.step()
            with torch.no_grad():
                for p in model.parameters():
                    if "keep" in row: p.grad *= row["keep"]
                    else: p.grad.zero_()
        seconds += time.perf_counter() - began
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(chunk) for chunk in test_x.split(2048)])
    return (scores.argmax(1) == test_y).float().mean().item(), seconds / row["epochs"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--row", required=True, choices=rows())
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = load(args.data)
    runs = [train(rows()[args.row], seed, data) for seed in range(1, args.seeds + 1)]
    accuracies = [a for a, _ in runs]
    print(f"{args.row}: {' '.join(f'{a:.4f}' for a in accuracies)}: mean {statistics.mean(accuracies):.4f}"
          f" deviation {statistics.stdev(accuracies) if len(runs) > 1 else 0:.4f},"
          f" {statistics.mean(s for _, s in runs):.2f} s an epoch")


if __name__ == "__main__":
    main()
