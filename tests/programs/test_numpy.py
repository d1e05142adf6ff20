"""What NumPy writes, read and written by ours, is read by NumPy as the same numbers; and weights that
are exported for it are those of the other format.

    test_numpy.py ARRAY_COPY FASHION_MNIST
"""
import io, json, pathlib, subprocess, sys, tempfile
import numpy as np

from small_data import small_data

copy, program = sys.argv[1:]
work = tempfile.TemporaryDirectory()
folder = pathlib.Path(work.name)
random = np.random.default_rng(1)
shapes = [(), (1,), (7,), (0,), (3, 4), (4, 0, 2), (2, 3, 4, 5), (1, 2, 1, 2, 1, 2, 1, 2)]
written_as = {"<f4": "<f4", "<f8": "<f4", "<i4": "<i8", "<i8": "<i8", "|u1": "|u1"}


def array(dtype, shape):
    if dtype[1] == "f":
        return random.normal(size=shape).astype(dtype)
    return random.integers(0 if dtype == "|u1" else -2**31, 255 if dtype == "|u1" else 2**31 - 1,
                           size=shape, endpoint=True).astype(dtype)


def same(got, asked):
    expected = asked.astype(written_as[asked.dtype.str])
    assert got.dtype == expected.dtype and got.shape == expected.shape, (got.dtype, got.shape)
    assert got.tobytes() == np.ascontiguousarray(expected).tobytes()


def run(source, target):
    return subprocess.run([copy, source, target], capture_output=True, text=True)


def copied(source):
    target = source.with_name("copy" + source.suffix)
    done = run(source, target)
    assert done.returncode == 0, done.stderr
    return np.load(target, allow_pickle=False)


count = 0
for dtype in written_as:
    for shape in shapes:
        for order in "CF":
            for version in (1, 0), (2, 0), (3, 0):
                a = np.asarray(array(dtype, shape), order=order)
                with open(folder / "a.npy", "wb") as file:
                    np.lib.format.write_array(file, a, version, allow_pickle=False)
                same(copied(folder / "a.npy"), a)
                count += 1

arrays = {f"{dtype[1:]} {i}": np.asarray(array(dtype, shape), order="CF"[i % 2])
          for dtype in written_as for i, shape in enumerate(shapes)}
arrays["größe"] = array("<f4", (1000, 100))


class Pipe(io.RawIOBase):
    """A file that cannot seek: lengths and checksums then stand behind the entries."""
    def __init__(self, path): self.file = open(path, "wb")
    def writable(self): return True
    def write(self, data): return self.file.write(data)


np.savez(folder / "stored.npz", **arrays)
np.savez_compressed(folder / "deflated.npz", **arrays)
with io.BufferedWriter(Pipe(folder / "piped.npz")) as pipe:
    np.savez_compressed(pipe, **arrays)
for name in "stored", "deflated", "piped":
    got = copied(folder / f"{name}.npz")
    assert got.files == list(arrays), name
    for key, a in arrays.items():
        same(got[key], a)
    assert got.zip.testzip() is None

# What we do not read is said in one line.
for a, text in [(np.array([1j]), "<c16"), (np.array([1], ">f4"), ">f4"), (np.array(["a"]), "<U1"),
                (np.array([True]), "|b1"), (np.array([(1,)], [("x", "<f4")]), "not a record"),
                (np.array([2**31]), "no room in 32 bits")]:
    np.save(folder / "a.npy", a)
    refused = run(folder / "a.npy", folder / "no.npy")
    assert refused.returncode == 1 and text in refused.stderr and refused.stderr.count("\n") == 1, refused
    assert not (folder / "no.npy").exists()


def safetensors(path):
    """Names and arrays, by the format's own description: a length, a header in JSON, numbers."""
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    header.pop("__metadata__", None)
    dtypes = {"F32": "<f4", "I64": "<i8"}
    return {name: np.frombuffer(content[begin:][slice(*entry["data_offsets"])], dtypes[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}


# A training's weights: the same names, layouts and numbers in both files that `export` writes.
def fashion(*words):
    done = subprocess.run([program, *words, "--data", folder], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done


small_data(folder)
fashion("--recipe", "fast90", "--lr", "0.001", "--epochs", "1", "--batch-size", "25", "--no-stats", "--no-progress")
for name in "weights.npz", "weights.safetensors":
    fashion("export", "--to", name)
ours, theirs = np.load(folder / "weights.npz", allow_pickle=False), safetensors(folder / "weights.safetensors")
assert sorted(ours.files) == sorted(theirs) and len(theirs) > 20, (ours.files, list(theirs))
for name, a in theirs.items():
    assert ours[name].shape == a.shape and ours[name].dtype == a.dtype, (name, ours[name].shape, a.shape)
    assert ours[name].tobytes() == a.tobytes(), name
# PyTorch's layouts: (out, in, height, width), (out, in).
assert theirs["0.0.weight"].shape[1:] == (1, 3, 3), theirs["0.0.weight"].shape
assert any(a.ndim == 2 and a.shape[0] == 10 for a in theirs.values())

print(f"{count} .npy files, and 3 .npz files of {len(arrays)} arrays each")
