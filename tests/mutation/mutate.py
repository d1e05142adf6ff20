#!/usr/bin/python3
"""Plants small faults in the sources, one at a time, and counts how many the tests notice.

  mutate.py --build DIR [--count 300] [--seed 1] [--out FILE] [--only SUBSTRING]

DIR is a configured and built CMake build (Ninja) of its own: the sources are not touched, each mutant is
compiled from a copy, linked into the test program in place of the original, and thrown away. A mutant
is a line of code with one operator, number or name changed. Those that do not compile do not count.
Survivors are printed and written to FILE as JSON, to be explained or to get a test.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Where a fault must be noticed: sources, and the program and source files of the tests that look there.
TARGETS = [
    ("engine/ops/*.cpp", "tests_f64", "*tests/engine/*"),
    ("engine/tape.cpp", "tests_f64", "*tests/engine/*"),
    ("engine/kernels/*.cpp", "tests_f64", "*tests/engine/*"),
    ("engine/kernels/*.h", "tests_f64", "*tests/engine/*"),
    ("nn/optim.cpp", "tests_f32", "*tests/nn/*,*test_checkpoint*.cpp,*test_hostile_state.cpp"),
    ("data/idx.cpp", "tests_f32", "*tests/data/*"),
    ("learner/files/*.cpp", "tests_f32", "*tests/learner/*"),
]

# What is changed into what; the first group of a pattern is replaced.
CHANGES = [
    (r" (\+) ", "-"), (r" (-) ", "+"), (r" (\*) ", "+"), (r" (/) ", "*"), (r" (%) ", "/"),
    (r" (\+=) ", "-="), (r" (-=) ", "+="), (r" (\*=) ", "="), (r" (\+=) ", "="),
    (r" (<) ", "<="), (r" (<=) ", "<"), (r" (>) ", ">="), (r" (>=) ", ">"),
    (r" (==) ", "!="), (r" (!=) ", "=="), (r" (&&) ", "||"), (r" (\|\|) ", "&&"),
    (r"(?<![\w.])(0)(?![\w.])", "1"), (r"(?<![\w.])(1)(?![\w.])", "2"), (r"(?<![\w.])(2)(?![\w.])", "3"),
    (r"\b(true)\b", "false"), (r"\b(false)\b", "true"), (r"\b(min)\b", "max"), (r"\b(max)\b", "min"),
    (r"(!)(?=[a-z(])", ""), (r"(\+\+)(?=\w)", "--"),
]

# Lines in which a change means nothing to the program's results.
DEAF = re.compile(r"^\s*(//|#|static_assert|template|using|namespace|\*|/\*)|prefetch|fetch|reserve\(|kGrain")


def mutants_of(path):
    """Every (line number, new line) that one change makes of a file, without comments and includes."""
    for number, line in enumerate(path.read_text().splitlines()):
        code = line.split("//")[0]
        if DEAF.search(code):
            continue
        for pattern, to in CHANGES:
            for match in re.finditer(pattern, code):
                begin, end = match.span(1)
                if code[:begin].count('"') % 2:
                    continue  # the words of a message
                yield number, line[:begin] + to + line[end:]


class Build:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.commands = json.loads((self.folder / "compile_commands.json").read_text())
        self.link = {}

    def link_command(self, program):
        """The line that links a test program, from ninja."""
        if program not in self.link:
            text = subprocess.run(["ninja", "-C", self.folder, "-t", "commands", f"tests/{program}"],
                                  capture_output=True, text=True, check=True).stdout
            self.link[program] = [line for line in text.splitlines() if f"-o tests/{program}" in line][-1]
        return self.link[program]

    def objects_of(self, source, double):
        """(source, command) of what has to be compiled again when a file changes: itself, or for a header
        the files of its room that include it."""
        mark = "KINDLING_DOUBLE"
        ours = [c for c in self.commands if (mark in c["command"]) == double and "/tests/" not in c["file"]]
        if source.suffix == ".cpp":
            return [c for c in ours if pathlib.Path(c["file"]) == source]
        name = source.relative_to(ROOT).as_posix()
        users = [c for c in ours if f'"{name}"' in pathlib.Path(c["file"]).read_text()]
        return users

    def run(self, command, limit):
        try:
            return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=limit,
                                  shell=isinstance(command, str))
        except subprocess.TimeoutExpired:
            return None

    def verdict(self, source, text, program, filter_):
        """killed, survived or stillborn."""
        scratch = self.folder / "mutant"
        relative = source.relative_to(ROOT)
        copy = scratch / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
        try:
            objects = []
            for entry in self.objects_of(source, program == "tests_f64"):
                args = shlex.split(entry["command"])
                original = entry["file"]
                out = args[args.index("-o") + 1]
                mutant = str(scratch / (pathlib.Path(out).name))
                args = [str(copy) if a == original and source.suffix == ".cpp" else a for a in args]
                args[args.index("-o") + 1] = mutant
                # The copy is found before the original.
                args.insert(args.index("-c"), f"-I{scratch}")
                at = next(i for i, a in enumerate(args) if a == f"-I{ROOT}")
                args.insert(at, f"-I{scratch}")
                args = [a for a in args if a != "-MD"]
                while "-MT" in args:
                    i = args.index("-MT"); del args[i:i + 2]
                while "-MF" in args:
                    i = args.index("-MF"); del args[i:i + 2]
                done = self.run(args, 300)
                if done is None or done.returncode != 0:
                    return "stillborn"
                objects.append(mutant)
            if not objects:
                return "stillborn"
            test = str(scratch / program)
            # The mutants stand before the library, whose own objects of that name are left out.
            names = {pathlib.Path(o).name for o in objects}
            library = "libkindling_f64.a" if program == "tests_f64" else "libkindling.a"
            lean = scratch / library
            subprocess.run(["cp", self.folder / library, lean], check=True)
            subprocess.run(["ar", "d", lean, *names], check=True)
            line = self.link_command(program).replace(f"-o tests/{program}", f"-o {test}")
            line = line.replace(library, str(lean)).replace(f"-o {test}", f"-o {test} " + " ".join(objects))
            done = self.run(line, 300)
            if done is None or done.returncode != 0:
                return "stillborn"
            done = self.run([test, f"--source-file={filter_}", "--abort-after=1", "--no-intro=true"], 240)
            return "killed" if done is None or done.returncode != 0 else "survived"
        finally:
            copy.unlink()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", default="mutants.json")
    p.add_argument("--only", default="", help="sources whose path holds this")
    a = p.parse_args()
    build = Build(a.build)
    every = []
    for pattern, program, filter_ in TARGETS:
        for source in sorted(ROOT.glob(pattern)):
            if a.only in source.as_posix() and build.objects_of(source, program == "tests_f64"):
                every += [(source, program, filter_, *m) for m in mutants_of(source)]
    random.Random(a.seed).shuffle(every)
    print(f"{len(every)} possible mutants", flush=True)
    counts, survivors = collections.Counter(), []
    for source, program, filter_, number, line in every:
        if counts["killed"] + counts["survived"] >= a.count:
            break
        lines = source.read_text().splitlines()
        before, lines[number] = lines[number], line
        start = time.time()
        verdict = build.verdict(source, "\n".join(lines) + "\n", program, filter_)
        counts[verdict] += 1
        where = f"{source.relative_to(ROOT)}:{number + 1}"
        print(f"{sum(counts.values())} {verdict} {where} {time.time() - start:.0f} s", flush=True)
        if verdict == "survived":
            survivors.append({"where": where, "before": before.strip(), "after": line.strip()})
            print(f"    {before.strip()}\n    {line.strip()}", flush=True)
        pathlib.Path(a.out).write_text(json.dumps({"counts": counts, "survivors": survivors}, indent=1))
    total = counts["killed"] + counts["survived"]
    print(f"{counts['killed']} of {total} killed, {counts['stillborn']} did not compile")
    return 0 if total and counts["killed"] >= 0.95 * total else 1


if __name__ == "__main__":
    sys.exit(main())
