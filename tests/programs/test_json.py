"""What --json prints: one line for every command, with the keys that the table of the README has, and no others.

    test_json.py FASHION_MNIST SOURCE-FOLDER
"""
import json
import re
import subprocess
import sys
import tempfile

from small_data import small_data

program, source = sys.argv[1:]
work = tempfile.TemporaryDirectory()
small_data(work.name)


def documented():
    """The keys of each command: the words in code of the second column."""
    with open(source + "/learner/examples/README.md", encoding="utf-8") as file:
        table = re.search(r"\n\| command \| keys \|\n\|---\|---\|\n((?:\|.*\n)+)", file.read())
    assert table, "the README has no table of keys"
    rows = [re.fullmatch(r"\| `(.+?)` \| (.+) \|", row).groups() for row in table[1].splitlines()]
    return {command: set(re.findall("`(.+?)`", keys)) for command, keys in rows}


def paths(value, at=""):
    """All keys below, each with those above it: "models[].folder". A list of numbers is one value."""
    if isinstance(value, dict):
        return {path for key, below in value.items() for path in paths(below, f"{at}.{key}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        return {path for below in value for path in paths(below, at + "[]")}
    return {at}


def result(command, *options, data=True):
    words = [program, command, *options, "--json"] + (["--data", work.name] if data else [])
    done = subprocess.run(words, capture_output=True, text=True, cwd=work.name)
    assert done.returncode == 0, (words, done)
    assert done.stdout.endswith("\n") and done.stdout.count("\n") == 1, (words, done.stdout)
    return json.loads(done.stdout)


def results():
    """Something of everything that there is, by command."""
    train = ("--no-stats", "--no-progress", "--batch-size", "25", "--epochs", "1")
    yield "train", result("train", "--recipe", "lesson16", *train)
    yield "train", result("train", "--recipe", "fast93", "--lr", "0.001", *train, "--out", "mirrored")
    yield "train", result("train", "--recipe", "copy-ensemble", *train, "--out", "pair")
    yield "eval", result("eval")
    yield "eval", result("eval", "--from", "pair/1/last.safetensors", "--from", "pair/2/last.safetensors")
    yield "predict", result("predict", "out/batch.png", "out/losses.png")
    yield "report", result("report")
    yield "export", result("export", "--to", "weights.npz")
    yield "lr-find", result("lr-find", "--recipe", "lesson16", "--batch-size", "25")
    yield "summary", result("summary", "--recipe", "lesson16")
    yield "recipes", result("recipes")


found = {}
for command, value in results():
    found.setdefault(command, set()).update(path.removeprefix("[].") for path in paths(value))
expected = documented()
for command in sorted(found.keys() | expected.keys()):
    there, said = found.get(command, set()), expected.get(command, set())
    assert there == said, f"{command}: not in the README: {there - said}; not in any result: {said - there}"
print(f"{sum(map(len, found.values()))} keys of {len(found)} commands, as the README has them")
