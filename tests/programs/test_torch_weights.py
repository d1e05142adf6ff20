"""Weights go to PyTorch and come back: trained here, trained on there, and read here again. Both say
the same of the same images, each time.

    test_torch_weights.py WEIGHTS_COURIER
"""
import json, pathlib, struct, subprocess, sys, tempfile
import numpy as np
import torch
from torch import nn

courier = sys.argv[1]
work = tempfile.TemporaryDirectory()
folder = pathlib.Path(work.name)
DTYPES = {"F32": (torch.float32, np.float32), "I64": (torch.int64, np.int64)}


def read_safetensors(path):
    data = path.read_bytes()
    n, = struct.unpack_from("<Q", data)
    header, body, tensors = json.loads(data[8:8 + n]), data[8 + n:], {}
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(body[begin:end], DTYPES[entry["dtype"]][1]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors


def write_safetensors(path, tensors):
    names = {dtype: name for name, (dtype, _) in DTYPES.items()}
    header, body = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


class GeneralRelu(nn.Module):
    def forward(self, x):
        return nn.functional.leaky_relu(x, 0.1) - 0.4


class ResBlock(nn.Module):
    def __init__(self, ni, nf, stride):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Sequential(nn.Conv2d(ni, nf, 3, 1, 1), nn.BatchNorm2d(nf), GeneralRelu()),
            nn.Sequential(nn.Conv2d(nf, nf, 3, stride, 1), nn.BatchNorm2d(nf)))
        self.idconv = nn.Sequential(nn.Conv2d(ni, nf, 1))
        self.pool, self.act = nn.AvgPool2d(stride, ceil_mode=True), GeneralRelu()

    def forward(self, x):
        return self.act(self.convs(x) + self.idconv(self.pool(x)))


def make_model():
    return nn.Sequential(ResBlock(1, 8, 2), nn.GroupNorm(2, 8), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(8 * 7 * 7, 32), nn.LayerNorm(32), nn.ReLU(),
                         nn.Linear(32, 10), nn.BatchNorm1d(10))


def logits(model, x):
    model.eval()
    with torch.no_grad():
        return model(x).numpy()


def difference(model, x, path):
    theirs = np.load(path)
    assert theirs.shape == (160, 10) and theirs.std() > 0.1
    largest = np.abs(logits(model, x) - theirs).max()
    assert largest < 1e-5, largest
    return largest


def run(*arguments):
    return subprocess.run([courier, *map(str, arguments)], capture_output=True, text=True)


def must(*arguments):
    done = run(*arguments)
    assert done.returncode == 0, done.stderr


checkpoint, x_path, y_path, out = (folder / name for name in
                                   ("fit.safetensors", "x.npy", "y.npy", "logits.npy"))
must("train", checkpoint, x_path, y_path, out)
x = torch.from_numpy(np.load(x_path)).permute(0, 3, 1, 2).contiguous()
y = torch.from_numpy(np.load(y_path))

# A checkpoint of ours in PyTorch: its names, its layouts, below "model.".
torch.manual_seed(2)
model = make_model()
state = {name[len("model."):]: tensor for name, tensor in read_safetensors(checkpoint).items()
         if name.startswith("model.")}
model.load_state_dict(state, strict=True)
there = difference(model, x, out)
before = logits(model, x)

# Trained on there, by three steps, and back.
model.train()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
assert np.abs(logits(model, x) - before).max() > 0.01
weights = folder / "weights.safetensors"
write_safetensors(weights, model.state_dict())
must("read", weights, x_path, out)
back = difference(model, x, out)

# The checkpoint itself is read as weights too; and what does not fit is named.
must("read", checkpoint, x_path, out)
assert np.abs(np.load(out) - before).max() < 1e-5
wrong = model.state_dict()
wrong["4.weight"] = wrong["4.weight"].T
del wrong["7.bias"]
write_safetensors(weights, wrong)
refused = run("read", weights, x_path, out)
assert refused.returncode == 1 and refused.stderr.count("\n") == 1, refused
assert "missing: 7.bias" in refused.stderr and "4.weight" in refused.stderr, refused
print(f"{len(state)} arrays; logits of 160 images differ by {there:.1e} there, {back:.1e} back here")
