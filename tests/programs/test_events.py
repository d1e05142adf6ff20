"""Reads what TensorBoard would read, with a reader of its own, and compares it with what was meant.

    test_events.py EVENT_WRITER
"""
import pathlib, struct, subprocess, sys, tempfile, zlib


def crc32c(data):
    """Bit by bit, from the definition."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


assert crc32c(bytes(range(32))) == 0x46DD794E  # RFC 3720, B.4


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    data = path.read_bytes()
    while data:
        length, = struct.unpack_from("<Q", data)
        body = data[12:12 + length]
        assert len(body) == length
        assert struct.unpack_from("<I", data, 8)[0] == masked(data[:8])
        assert struct.unpack_from("<I", data, 12 + length)[0] == masked(body)
        yield body
        data = data[16 + length:]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """{number: value} of a protocol buffer message whose fields are not repeated."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            n, at = (8, at) if kind == 1 else (4, at) if kind == 5 else varint(data, at)
            assert kind in (1, 2, 5) and at + n <= len(data)
            value, at = data[at:at + n], at + n
        assert key >> 3 not in found
        found[key >> 3] = value
    return found


def doubles(data):
    return struct.unpack(f"<{len(data) // 8}d", data)


def f32(value):
    return struct.unpack("<f", struct.pack("<f", float(value)))[0]


def read(path):
    scalars, histograms, images, restarts = {}, {}, {}, []
    first, *events = [fields(record) for record in records(path)]
    assert first[3] == b"brain.Event:2" and set(first) <= {1, 2, 3}
    for event in events:
        step = event.get(2, 0)
        if 7 in event:
            assert fields(event[7]) == {1: 1}
            restarts.append(step)
            continue
        value = fields(fields(event[5])[1])
        tag = value.pop(1).decode()
        kind, content = value.popitem()
        assert not value
        if kind == 2:
            scalars[tag, step] = struct.unpack("<f", content)[0]
        elif kind == 4:
            images[tag, step] = fields(content)
        else:
            assert kind == 5
            histograms[tag, step] = fields(content)
    return scalars, histograms, images, restarts


def check_png(data, width, height):
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack_from(">II", data, 16) == (width, height)
    at = 8
    while at < len(data):
        n, = struct.unpack_from(">I", data, at)
        assert struct.unpack_from(">I", data, at + 8 + n)[0] == zlib.crc32(data[at + 4:at + 8 + n])
        at += 12 + n
    assert at == len(data)


work = tempfile.TemporaryDirectory()
said = subprocess.run([sys.argv[1], work.name], check=True, capture_output=True, text=True).stdout
expected = {(tag, int(step)): value for tag, step, value in (l.split("\t") for l in said.splitlines())}
before, after = [read(path) for path in sorted(pathlib.Path(work.name, "runs").iterdir(),
                                               key=lambda path: int(path.name.split(".")[-1]))]
assert before[3] == [] and after[3] == [6]  # the one that goes on begins with step 6
assert [s for t, s in before[0] if t == "loss/batch"] == [1, 2, 3, 4, 5]
assert [s for t, s in after[0] if t == "loss/batch"] == [6]
scalars = {**before[0], **after[0]}
parameters = {key: int(n) for key, n in expected.items() if key[0].startswith("parameters/")}
numbers = {key: f32(value) for key, value in expected.items() if key not in parameters}
rates = {key for key in scalars if key[0] == "lr"}
assert rates == {("lr", step) for step in range(1, 7)}
assert {key: value for key, value in scalars.items() if key not in rates} == numbers

histograms = {**before[1], **after[1]}
assert {key for key in histograms if key[1] == 6} == set(parameters)
for key, h in histograms.items():
    low, high, count, total, squares = (doubles(h[i])[0] for i in range(1, 6))
    limits, counts = doubles(h[6]), doubles(h[7])
    assert key[1] != 6 or count == parameters[key]
    assert len(limits) == len(counts) and sum(counts) == count and list(limits) == sorted(limits)
    assert low <= limits[0] <= limits[-1] == high
    # What the bins say of the sum is not far from the sum.
    edges = (low, *limits)
    assert sum(c * a for c, a in zip(counts, edges)) <= total + 1e-9
    assert sum(c * b for c, b in zip(counts, limits)) >= total - 1e-9
    assert squares >= total ** 2 / count - 1e-9

images = {**before[2], **after[2]}
assert set(images) == {("a picture", 3), ("a picture", 6)}
for image in images.values():
    assert (image[1], image[2], image[3]) == (20, 40, 3)
    check_png(image[4], 40, 20)
print(f"{len(scalars)} numbers, {len(histograms)} histograms, {len(images)} pictures")
