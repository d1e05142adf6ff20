#!/usr/bin/python3
"""The course's rows in PyTorch: what they come to over several seeds.

  course.py --row init [--seeds 3] [--first N] [--threads 2] [--data DIR]

Prints the accuracy on the 10,000 test images after the last epoch, for every seed, and the seconds
an epoch of training takes; with --first N after the first N epochs of as many as the row has, since
the long ones take hours. Needs PyTorch >= 1.13 and NumPy (Debian: python3-torch,
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


class ResBlock(nn.Module):
    def __init__(self, ni, nf, stride=1, ks=3):
        super().__init__()
        self.convs = nn.Sequential(conv(ni, nf, ks, 1, norm=nn.BatchNorm2d),
                                   conv(nf, nf, ks, stride, act=None, norm=nn.BatchNorm2d))
        self.idconv = nn.Identity() if ni == nf else conv(ni, nf, 1, 1, act=None)
        self.pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2, ceil_mode=True)
        self.act = GeneralRelu()

    def forward(self, x):
        return self.act(self.convs(x) + self.idconv(self.pool(x)))


def resnet(first, widths, pooled=False, dropout=0.0):
    blocks = [ResBlock(a, b, 2) for a, b in zip(widths, widths[1:])]
    pool = [nn.AdaptiveAvgPool2d(1)] if pooled else []
    return nn.Sequential(first, nn.Dropout2d(dropout), *blocks, *pool, nn.Flatten(),
                         nn.Dropout(dropout), nn.Linear(widths[-1], 10, bias=False),
                         nn.BatchNorm1d(10))


def pooled(dropout=0.0):
    return resnet(conv(1, 16, 5, 1, norm=nn.BatchNorm2d), (16, 32, 64, 128, 256), True, dropout)


def crop_and_flip(x):
    """Every image moved by up to a pixel along each axis, and mirrored or not."""
    padded, out, place = F.pad(x, (1, 1, 1, 1)), torch.empty_like(x), torch.randint(9, (len(x),))
    for down in range(3):
        for right in range(3):
            here = place == 3 * down + right
            out[here] = padded[here, :, down:down + 28, right:right + 28]
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, out.flip(3), out)


def parts(x, change, side=int(0.2 * 28), most=4):
    """Up to four squares of every image changed."""
    for image in x:
        for _ in range(torch.randint(most + 1, ()).item()):
            top, left, y, z = torch.randint(28 - side + 1, (4,)).tolist()
            image[:, top:top + side, left:left + side] = change(image, y, z, side)
    return x


def erase(x):
    """By noise of the image's own mean and deviation, within its own values."""
    noise = lambda image, y, z, side: (torch.randn(1, side, side) * image.std() + image.mean()
                                       ).clamp(image.min(), image.max())
    return parts(x, noise)


def copy(x):
    """By another square of the same image."""
    return parts(x, lambda image, y, z, side: image[:, y:y + side, z:z + side].clone())


def kaiming(model, leak):
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)): nn.init.kaiming_normal_(m.weight, a=leak)
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
    residual = lambda model, lr, epochs=5, **more: dict(
        model=lambda x: kaiming(model(), 0.1), opt=lambda p: o.AdamW(p, lr), epochs=epochs,
        schedule=cycle(lr), **more)
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
        "resnet": residual(lambda: resnet(ResBlock(1, 8), (8, 16, 32, 64, 128, 256)), 2e-2),
        "wide": residual(lambda: resnet(ResBlock(1, 16, ks=5), (16, 32, 64, 128, 256, 512)), 1e-2),
        "pooled": residual(pooled, 1e-2),
        "dropout": residual(lambda: pooled(0.1), 1e-2),
        "augment": residual(pooled, 1e-2, 20, augment=crop_and_flip),
        "erase": residual(lambda: pooled(0.1), 2e-2, 50, augment=lambda x: erase(crop_and_flip(x))),
        "copy-ensemble": residual(lambda: pooled(0.1), 1e-2, 25,
                                  augment=lambda x: copy(crop_and_flip(x))),
    }


def train(row, seed, data, epochs):
    x, y, test_x, test_y = data
    torch.manual_seed(seed)
    size = row.get("batch_size", 1024)
    model = row["model"](x[torch.randperm(len(x))[:size]])
    opt = row["opt"](model.parameters())
    batches = -(-len(x) // size)
    sched = row["schedule"](opt, row["epochs"] * batches) if "schedule" in row else None
    augment = row.get("augment", lambda x: x)
    seconds = 0
    for _ in range(epochs):
        model.train()
        began = time.perf_counter()
        for chosen in torch.randperm(len(x)).split(size):
            F.cross_entropy(model(augment(x[chosen])), y[chosen]).backward()
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
    return (scores.argmax(1) == test_y).float().mean().item(), seconds / epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--row", required=True, choices=rows())
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, help="epochs after which it stops (default: all)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = load(args.data)
    row = rows()[args.row]
    epochs = min(args.first or row["epochs"], row["epochs"])
    runs = [train(row, seed, data, epochs) for seed in range(1, args.seeds + 1)]
    accuracies = [a for a, _ in runs]
    print(f"{args.row}, {epochs} of {row['epochs']} epochs: {' '.join(f'{a:.4f}' for a in accuracies)}: mean {statistics.mean(accuracies):.4f}"
          f" deviation {statistics.stdev(accuracies) if len(runs) > 1 else 0:.4f},"
          f" {statistics.mean(s for _, s in runs):.2f} s an epoch")


if __name__ == "__main__":
    main()
