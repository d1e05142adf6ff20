#!/usr/bin/python3
"""The page of a training while it runs, from outside and in a browser; and once more, from its checkpoint.

    test_live.py FASHION_MNIST [browser]

With `browser` it is looked at in one, which takes Debian's chromium, chromium-driver and python3-selenium; skipped (77)
without them.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # beside the sources
from small_data import small_data

failures = []
PICTURES = "color_dim dead_chart stats updates losses predictions confusion top_losses".split()


def expect(ok, *what):
    if not ok:
        failures.append(" ".join(str(word) for word in what))
        print("FAILED:", failures[-1])


def settle(condition, seconds=30):
    """Waits until it holds, and says whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Training:
    """A training on a hundred images, a process of its own; with a page on a port unless told otherwise."""

    def __init__(self, program, work, *options, live="0"):
        command = [program, "--recipe", "lesson16", "--batch-size", "25", "--data", work, "--no-progress", *options]
        if live is not None:
            command += ["--live", live]
        heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # where a test in the background ignores it
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed, cwd=work)
        self.said = []
        self.port = None
        while live is not None and self.port is None:
            line = self.process.stderr.readline()
            self.said.append(line)
            found = re.fullmatch(r"live: http://127\.0\.0\.1:(\d+)/\n", line)
            self.port = int(found.group(1)) if found else None
            if not line:
                break

    def ask(self, request, patience=10):
        """What comes back for these bytes, until the program hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), patience) as line:
            line.sendall(request)
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        return answer

    def get(self, path, host="localhost", method="GET", more=""):
        """Status, headers, body."""
        answer = self.ask(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), body.decode()

    def data(self):
        return json.loads(self.get("/data.json")[2])

    def stop(self, by=signal.SIGINT):
        """The status, and the seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(by)
        return self.end(), time.monotonic() - began

    def end(self):
        try:
            self.out, rest = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.out, rest = self.process.communicate()
            expect(False, "a training that does not end")
        self.said = [line for line in self.said + rest.splitlines(keepends=True) if line]
        return self.process.returncode


def try_answers(program, work):
    training = Training(program, work, "--epochs", "100000", "--out", "answers")
    status, headers, page = training.get("/")
    expect(status == 200 and headers["Content-Type"].startswith("text/html"), "the page:", status, headers)
    expect("connect-src 'self'" in page and "default-src 'none'" in page, "the page's policy")
    expect(settle(lambda: training.data()["batches"] > 0), "no batch was shown")
    status, headers, body = training.get("/data.json")
    before = json.loads(body)
    expect(status == 200 and headers["Content-Type"] == "application/json", "the data:", status, headers)
    expect(re.fullmatch(r"epoch \d+ of 100000, (training batch [1-4] of 4|validation batch [12] of 2)", before["running"]), before["running"])
    expect("Access-Control-Allow-Origin" not in headers, "others may read it")
    tag = headers["ETag"]
    expect(settle(lambda: training.data()["batches"] > before["batches"]), "the data do not grow")
    expect(len(training.data()["histograms"]) == 5, "five layers expected")
    status, headers, _ = training.get("/data.json", more=f"If-None-Match: {tag}\r\n")
    expect(status == 200 and headers["ETag"] != tag, "newer data, the same version")
    version = lambda tag: int(tag.strip('"').split("-")[1])
    expect(version(headers["ETag"]) > version(tag), "versions that fall:", tag, headers["ETag"])
    same = training.get("/data.json", more=f"If-None-Match: {headers['ETag']}\r\n")
    expect(same[0] == 304 and not same[2] or same[1]["ETag"] != headers["ETag"], "the same data twice:", same)
    packed = training.get("/data.json", more="Accept-Encoding: gzip, br\r\nRange: bytes=0-3\r\n")
    expect(packed[0] == 200 and json.loads(packed[2]), "compressed, or a part:", packed[0])

    for host in ("localhost", "127.0.0.1", f"localhost:{training.port}", "127.0.0.1:1"):
        expect(training.get("/data.json", host)[0] == 200, host, "is refused")
    for host in ("example.org", f"example.org:{training.port}", "localhost.example.org", "127.0.0.1.example.org", "localhost:x", "localhost:", "", "127.0.0.10"):
        status, _, body = training.get("/data.json", host)
        expect(status == 403 and "batches" not in body, f"'{host}':", status)
    expect(training.ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 403"), "no host is a host")
    two = training.get("/", more="Host: example.org\r\n")
    expect(two[0] == 403, "two hosts:", two[0])
    for path in ("/report.html", "/data.json/", "/dataxjson", "/../etc/passwd", "//", "/%2e%2e/etc/passwd"):
        expect(training.get(path)[0] == 404, path, "is there")
    for method in ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        status = training.get("/", method=method, more="Content-Length: 3\r\n\r\nabc")[0]
        expect(status == 405, method, ":", status)

    # 127.0.0.2 is this machine too, and whoever listens to all of its addresses answers there.
    try:
        socket.create_connection(("127.0.0.2", training.port), 2).close()
        expect(False, "it listens to more than 127.0.0.1")
    except ConnectionRefusedError:
        pass
    other = Training(program, work, "--out", "other", live=str(training.port))
    expect(other.end() == 1 and len(other.said) == 2, "a port in use:", other.said)
    expect(other.said[1] == f"fashion_mnist: error: [live] cannot listen on 127.0.0.1:{training.port}: Address already in use\n", other.said)
    expect(not os.path.exists(work + "/other"), "a port in use is found out too late")

    # Nobody can keep it from ending, nor have it take in without end.
    idle = [socket.create_connection(("127.0.0.1", training.port)) for _ in range(8)]
    idle[0].sendall(b"GET /data.json HTTP/1.1\r\nHost: local")
    expect(settle(lambda: training.get("/data.json")[0] == 200, 10), "held connections shut others out")
    try:
        answer = training.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200000)
        expect(not answer.startswith(b"HTTP/1.1 200"), "a megabyte of headers is believed")
    except (ConnectionResetError, BrokenPipeError):
        pass
    idle += [socket.create_connection(("127.0.0.1", training.port)) for _ in range(8)]
    idle[-1].sendall(b"GET /data.json HTTP/1.1\r\nHost: localhost\r\n\r\n")  # and reads nothing of the answer
    status, seconds = training.stop()
    expect(status == 130 and seconds < 5, "Ctrl-C with connections held:", status, "in", seconds, "s")
    expect(training.out == "", "stdout:", training.out)
    expect(training.said[-1].startswith("fashion_mnist: stopped; to go on: "), training.said)


def try_endings(program, work):
    """Who watches sees the end; what goes wrong ends the server too; the result is the same to the bit."""
    quiet = Training(program, work, "--epochs", "60", "--out", "quiet", live=None)
    expect(quiet.end() == 0, quiet.said)
    training = Training(program, work, "--epochs", "60", "--out", "watched")
    seen = [training.data()]
    held = socket.create_connection(("127.0.0.1", training.port))

    def watch():
        try:
            while True:
                seen.append(training.data())
                time.sleep(0.02)
        except (OSError, ValueError, IndexError):  # it is gone
            pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = training.end()
    watcher.join()
    held.close()
    expect(status == 0 and training.out == quiet.out, "another result:", training.out, quiet.out)
    expect(len({data["batches"] for data in seen}) > 1, "nothing was seen of it")
    expect(seen[-1]["running"] == "" and sum(map(sum, seen[-1]["confusion"])) == 100, "the end was not seen")
    for name in PICTURES + ["batch"]:
        expect(read(f"{work}/quiet/{name}.png") == read(f"{work}/watched/{name}.png"), name, "is another picture")
    for name in ("last", "best"):
        one, two = (numbers(f"{work}/{run}/{name}.safetensors") for run in ("quiet", "watched"))
        expect(one == two, name, "has other bits")
    expect("connect-src" not in read(work + "/watched/report.html").decode(), "the file asks for news")

    began = time.monotonic()
    training = Training(program, work, "--lr", "1000000", "--epochs", "50", "--out", "wrong")
    held = socket.create_connection(("127.0.0.1", training.port))
    expect(training.end() == 1 and "try a smaller lr" in training.said[-1], "what goes wrong:", training.said)
    expect(time.monotonic() - began < 10, "what goes wrong takes long")
    held.close()
    for port in ("65536", "-1", "http"):
        training = Training(program, work, live=port)
        expect(training.end() == 2 and "--live" in "".join(training.said), port, "as a port:", training.said)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def numbers(path):
    """What a safetensors file holds behind its header, which also knows how long things took."""
    content = read(path)
    return content[8 + int.from_bytes(content[:8], "little"):]


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', read(path).decode(), re.S).group(1))


def comparable(data):
    """Without what the clock has a say in, and what a run is called."""
    names = ("date", "resumed from", "written again from")
    data["settings"] = [pair for pair in data["settings"] if pair[0] not in names]
    for layer in data["layers"]:
        del layer["seconds"]
    return data


def try_again(program, work):
    def report(*options):
        command = [program, "report", "--data", work, *options]
        return subprocess.run(command, capture_output=True, text=True, cwd=work)

    done = report("--from", "quiet/last.safetensors", "--out", "again")
    expect(done.returncode == 0 and re.fullmatch(r"accuracy 0\.\d{4}\n", done.stdout), "report:", done)
    expect(comparable(data_of(work + "/again/report.html")) == comparable(data_of(work + "/quiet/report.html")), "another page")
    for name in PICTURES:
        expect(read(f"{work}/again/{name}.png") == read(f"{work}/quiet/{name}.png"), name, "is another picture")
    expect(not os.path.exists(work + "/again/last.safetensors"), "a checkpoint was written")

    # Of a training that was interrupted: that page says what there was until then, and this one also what the model says.
    for by in ("answers/last.safetensors", "answers/best.safetensors"):
        before = numbers(work + "/" + by)
        page = data_of(work + "/answers/report.html") if "last" in by else None
        done = report("--from", by, "--json")
        expect(done.returncode == 0 and json.loads(done.stdout)["page"] == "answers/report.html", "report:", done)
        again = comparable(data_of(work + "/answers/report.html"))
        expect(numbers(work + "/" + by) == before, "the checkpoint is another")
        expect(again["ending"].startswith("ended early, in epoch ") and sum(map(sum, again["confusion"])) == 100, again["ending"])
        if page:
            for key in ("classes", "confusion", "worst", "best"):
                expect(page.pop(key) == [] and again.pop(key), key)
            expect(comparable(page) == again, "another page of what was interrupted")

    plain = Training(program, work, "--no-stats", "--out", "plain", live=None)
    plain.end()
    done = report("--from", "plain/last.safetensors")
    data = data_of(work + "/plain/report.html")
    expect(done.returncode == 0 and not data["histograms"] and not data["updates"] and data["losses"]["y"], "without statistics")
    expect(not os.path.exists(work + "/plain/stats.png"), "statistics that nobody gathered")
    for path, text in (("nowhere.safetensors", "there is no such file"), ("train-labels-idx1-ubyte", "train-labels-idx1-ubyte")):
        done = report("--from", path, "--out", "none")
        expect(done.returncode == 1 and text in done.stderr and not done.stdout, "report of", path, ":", done)
    expect(not os.path.exists(work + "/none"), "a folder for nothing")


def try_browser(program, work):
    from browser_page import LOOK, By, Keys, Page, start
    browser = start()
    training = Training(program, work, "--epochs", "100000", "--out", "browser")
    try:
        browser.set_window_size(1280, 900)
        browser.get(f"http://127.0.0.1:{training.port}/")
        script = browser.execute_script
        find = lambda css: browser.find_element(By.CSS_SELECTOR, css)
        slider, label = lambda: find(".time input"), lambda: script("return document.querySelector('.time output')?.textContent || ''")
        length = lambda: int((re.search(r"of ([\d,]+)$", label()) or [0, "0"])[1].replace(",", ""))
        expect(settle(lambda: length() > 1), "no activations in sight")

        # What somebody does with the page.
        page = Page(browser)
        loss = lambda: page.chart("Loss")
        box = lambda: loss().find_element(By.CSS_SELECTOR, "input").get_property("checked")
        pressed = lambda: loss().find_element(By.CSS_SELECTOR, ".legend button").get_attribute("aria-pressed")
        for what in ("input", ".legend button"):
            script("arguments[0].click()", loss().find_element(By.CSS_SELECTOR, what))
        log = box()
        page.press(slider(), Keys.HOME, Keys.ARROW_RIGHT)
        script("scrollTo(0, 700)")
        before = length()
        expect(settle(lambda: length() > before), "the page does not go on by itself")
        # It stays at batch 2, or at the batch nearest to it when only one in so many is kept.
        batch = int(re.match(r"batch ([\d,]+) of", label())[1].replace(",", ""))
        expect(abs(batch - 2) <= length() // 300, "the slider went to", label())
        expect(script("return document.activeElement === arguments[0]", slider()), "the focus is lost")
        expect(box() == log and pressed() == "false", "the chart has forgotten what was chosen:", box(), pressed())
        expect(abs(script("return scrollY") - 700) < 1, "the page has moved to", script("return scrollY"))
        if out := os.environ.get("KINDLING_SCREENSHOT"):
            browser.save_screenshot(out)
        # At its end the slider follows; nothing moves under a finger.
        page.press(slider(), Keys.END)
        before = length()
        expect(settle(lambda: length() > before), "the page stands")
        expect(slider().get_property("value") == slider().get_property("max"), "the slider does not follow")
        script("dispatchEvent(new PointerEvent('pointerdown'))")
        time.sleep(0.2)
        before = length()
        time.sleep(3)
        expect(length() == before, "drawn anew under a finger")
        script("dispatchEvent(new PointerEvent('pointerup'))")
        expect(settle(lambda: length() > before), "not drawn when the finger is gone")

        note = lambda: find(".live").text
        expect(note().startswith("Live: epoch "), note())
        for found in script(LOOK):
            expect(found == "something was fetched", "the live page:", found)
        for entry in browser.get_log("browser"):
            expect(False, "the console says", entry["message"])
        status, seconds = training.stop(signal.SIGTERM)
        expect(status == 143 and seconds < 5, "stopped:", status, seconds)
        expect(settle(lambda: note() == "This training is over."), note())
        expect(find(".ending").text.startswith("This training ended early, in epoch "), "how it ended")
        expect(length() > before and page.chart("Loss"), "what was seen is gone")
        if out := os.environ.get("KINDLING_SCREENSHOT"):
            script("scrollTo(0, 0)")
            browser.save_screenshot(out.replace(".png", "-end.png"))

        # A program that dies says nothing.
        training = Training(program, work, "--epochs", "100000", "--out", "killed")
        browser.get(f"http://127.0.0.1:{training.port}/")
        expect(settle(lambda: note().startswith("Live: epoch ")), note())
        training.process.kill()
        training.end()
        expect(settle(lambda: note().startswith("No answer any more; it stood at epoch ")), note())
    finally:
        browser.quit()
        training.process.kill()


def main(program, browser=None):
    program = os.path.abspath(program)
    with tempfile.TemporaryDirectory() as work:
        small_data(work)
        for part in (try_browser,) if browser else (try_answers, try_endings, try_again):
            part(program, work)
    print("all as expected" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
