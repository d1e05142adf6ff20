#!/usr/bin/python3
"""Plants small faults in the sources, one at a time, and counts how many the tests notice.

  mutate.py --build DIR [--count 300] [--seed 1] [--out FILE] [--only REGEX]
  mutate.py --build DIR --again FILE          the survivors of an earlier run, against today's tests

DIR is a configured and built CMake build (Ninja) of its own: the sources are not touched, each mutant is
compiled from a copy, linked into the test program in place of the original, and thrown away. A mutant
is a line of code with one operator, number or name changed. Those that do not compile do not count.
Survivors are printed and written to FILE as JSON, to be explained or to get a test.
"""
import argparse
import collections
import concurrent.futures
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
    ("engine/ops/*.cpp", [("tests_f64", "*tests/engine/*,*tests/nn/*")]),
    ("engine/tape.cpp", [("tests_f64", "*tests/engine/*,*tests/nn/*")]),
    ("engine/kernels/*.cpp", [("tests_f64", "*tests/engine/*,*tests/nn/*")]),
    ("engine/kernels/*.h", [("tests_f64", "*tests/engine/*,*tests/nn/*")]),
    ("nn/optim.cpp", [("tests_f64", "*tests/nn/*"),
                      ("tests_f32", "*tests/nn/*,*test_checkpoint*.cpp,*test_hostile_state.cpp")]),
    ("data/idx.cpp", [("tests_f32", "*tests/data/*,*test_corruption.cpp")]),
    ("learner/files/*.cpp", [("tests_f32", "*tests/learner/*"), ("tests_failing_calls", "*")]),
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

# Lines in which a change means nothing to the program's results: what only decides how work is cut into
# tasks and blocks, which of two ways is faster, and what is fetched ahead. That no result depends on it,
# tests/engine/test_determinism.cpp and the exact comparisons of conv2d and matmul say.
DEAF = re.compile(r"^\s*(//|#|static_assert|template|using|namespace|\*|/\*)|prefetch|fetch|reserve\(|kGrain"
                  r"|parallel_(for|chunks)\(|kWorth|kDeep|kDepth|kMost|kLeast|kGather|kPacking|kPanelsInBlock"
                  r"|kTilesInBlock|kNear|kSteps|kScratch|kTileRows<\d>|Index (next|then|share|together|worth) =")


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
        self.scratch = self.folder / "mutant"
        self.commands = json.loads((self.folder / "compile_commands.json").read_text())
        self.link = {}
        # What each object was made of, from ninja.
        self.made_of, target = {}, ""
        for line in self.ninja("deps").splitlines():
            if line.startswith(" "):
                self.made_of[target].add(str((self.folder / line.strip()).resolve()))
            elif line:
                target = line.split(": ")[0]
                self.made_of[target] = set()

    def ninja(self, *tool):
        return subprocess.run(["ninja", "-C", self.folder, "-t", *tool], capture_output=True, text=True,
                              check=True).stdout

    def link_command(self, program):
        """The line that links a test program."""
        if program not in self.link:
            lines = self.ninja("commands", f"tests/{program}").splitlines()
            self.link[program] = [line for line in lines if f"-o tests/{program}" in line][-1]
        return self.link[program]

    def library(self, double):
        """The compiler's commands for the library in one precision, by object."""
        folder = f"CMakeFiles/kindling{'_f64' if double else ''}.dir/"
        commands = {re.search(r" -o (\S+)", c["command"])[1]: c["command"] for c in self.commands}
        return {output: command for output, command in commands.items() if output.startswith(folder)}

    def run(self, command, limit):
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=limit,
                                  shell=isinstance(command, str))
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def passes(self, command, limit):
        """Runs tests. A program that waits for ever (a crash may leave a lock behind) has failed."""
        process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        end, used, idle = time.time() + limit, None, 0
        while time.time() < end and idle < 5:
            try:
                return process.wait(1) == 0
            except subprocess.TimeoutExpired:
                fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
                idle = idle + 1 if fields[11:15] == used else 0
                used = fields[11:15]  # processor time, its own and its children's
        process.kill()
        process.wait()
        return False

    def compile(self, output, command, copy, source):
        """One object, with the copy in place of the source."""
        mutant = str(self.scratch / output.replace("/", "_"))
        args = shlex.split(command)
        args = [str(copy) if arg == str(source) else arg for arg in args if arg != "-Werror"]
        args[args.index("-o") + 1] = mutant
        for flag, values in (("-MD", 0), ("-MT", 1), ("-MF", 1)):
            while flag in args:
                at = args.index(flag)
                del args[at:at + 1 + values]
        # A copied header is found before the original.
        args.insert(args.index(f"-I{ROOT}"), f"-I{self.scratch}")
        return mutant if self.run(args, 300) else None

    def verdict(self, source, text, programs):
        """killed, survived (every program) or stillborn (in one)."""
        copy = self.scratch / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
        try:
            for program, filter_ in programs:
                verdict = self.verdict_of(source, copy, program, filter_)
                if verdict != "survived":
                    break
            return verdict
        finally:
            copy.unlink()

    def verdict_of(self, source, copy, program, filter_):
        double = program == "tests_f64"
        library = self.library(double)
        users = [output for output in library if str(source) in self.made_of.get(output, ())]
        if not users:
            return "stillborn"
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            mutants = list(pool.map(lambda o: self.compile(o, library[o], copy, source), users))
        if None in mutants:
            return "stillborn"
        objects = [output for output in library if output not in users] + mutants
        test = str(self.scratch / program)
        line = self.link_command(program).replace(f"-o tests/{program}", f"-o {test}")
        line = line.replace(f"libkindling{'_f64' if double else ''}.a", " ".join(objects), 1)
        if not self.run(line, 300):
            return "stillborn"
        command = [test, f"--source-file={filter_}", "--abort-after=1", "--no-intro=true"]
        return "survived" if self.passes(command, 240) else "killed"


def again(path):
    """(source, programs, number, line) of the survivors in FILE, where the line is still there."""
    for survivor in json.loads(pathlib.Path(path).read_text())["survivors"]:
        name = survivor["where"].split(":")[0]
        programs = next(p for pattern, p in TARGETS if pathlib.PurePath(name).match(pattern))
        lines = (ROOT / name).read_text().splitlines()
        numbers = [i for i, line in enumerate(lines) if line.strip() == survivor["before"]]
        if not numbers:
            print(f"gone {survivor['where']}\n    {survivor['before']}")
        for number in numbers:
            yield ROOT / name, programs, number, survivor["after"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", default="mutants.json")
    p.add_argument("--again", default="", metavar="FILE", help="try the survivors of an earlier run")
    p.add_argument("--only", default="", help="sources whose path matches this")
    a = p.parse_args()
    build = Build(a.build)
    every = []
    for pattern, programs in TARGETS:
        for source in sorted(ROOT.glob(pattern)):
            if re.search(a.only, source.as_posix()):
                every += [(source, programs, *m) for m in mutants_of(source)]
    random.Random(a.seed).shuffle(every)
    if a.again:
        every = list(again(a.again))
    print(f"{len(every)} possible mutants", flush=True)
    counts, survivors = collections.Counter(), []
    for source, programs, number, line in every:
        if counts["killed"] + counts["survived"] >= a.count:
            break
        lines = source.read_text().splitlines()
        before, lines[number] = lines[number], line
        start = time.time()
        verdict = build.verdict(source, "\n".join(lines) + "\n", programs)
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
