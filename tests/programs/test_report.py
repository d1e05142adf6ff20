#!/usr/bin/python3
"""The page of a training in a browser: on a phone and on a desk, light and dark, with mouse, finger and keys.

    test_report.py REPORT_PAGES FASHION_MNIST

Needs Debian's chromium, chromium-driver and python3-selenium; without them it says so and ends with 77.
"""
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("skipped: there is no python3-selenium")
    sys.exit(77)

sys.dont_write_bytecode = True  # beside the sources
from small_data import small_data

failures = []


def expect(ok, *what):
    if not ok:
        failures.append(" ".join(str(word) for word in what))
        print("FAILED:", failures[-1])


def start():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


# What every page must be, at every width: no text of a plot upon another or outside, nothing wider than the
# screen, every chart drawn, every word readable, nothing fetched.
LOOK = """
const found = [];
if (document.documentElement.scrollWidth > innerWidth) found.push('wider than the screen');
if (performance.getEntriesByType('resource').length) found.push('something was fetched');
const sections = document.querySelectorAll('section');
if (sections.length !== 8) found.push(sections.length + ' sections');
for (const svg of document.querySelectorAll('svg')) {
  const page = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
  boxes.forEach(([word, box], i) => {
    if (box.left < page.left - 1 || box.right > page.right + 1 || box.bottom > page.bottom + 2 || box.top < page.top - 3)
      found.push(`'${word}' leaves its plot`);
    for (const [other, there] of boxes.slice(0, i))
      if (box.left < there.right && there.left < box.right && box.top + 2 < there.bottom && there.top + 2 < box.bottom)
        found.push(`'${word}' upon '${other}'`);
  });
}
for (const figure of document.querySelectorAll('figure.chart')) {
  const drawn = [...figure.querySelectorAll('path')].some((path) => path.getAttribute('d').length > 3);
  if (drawn === figure.textContent.includes('no data')) found.push('not drawn: ' + figure.textContent);
  if (/NaN|undefined|Infinity/.test(figure.innerHTML)) found.push('no number: ' + figure.textContent);
}
const light = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const color = getComputedStyle(node).backgroundColor;
    if (!/, 0\\)$|transparent/.test(color)) return color;
  }
};
for (const node of document.querySelectorAll('h1, h2, p, a, dt, th, td:not(.confusion td), .tile b, .tile span, figcaption, label, button, svg text, .right, .wrong')) {
  const style = getComputedStyle(node), ink = light(node.closest('svg') ? style.fill : style.color), paper = light(behind(node));
  if ((Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5 && node.textContent)
    found.push(`hard to read: ${node.tagName} '${node.textContent}'`);
}
return found;
"""


def open_page(browser, path, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 600})
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("file://" + path)
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def look(browser, path):
    for width in (390, 1280):
        papers = set()
        for scheme in ("light", "dark"):
            open_page(browser, path, width, scheme)
            name = f"{os.path.basename(path)}, {width} px, {scheme}"
            for found in browser.execute_script(LOOK):
                expect(False, name + ":", found)
            for entry in browser.get_log("browser"):
                expect(False, name + ": the console says", entry["message"])
            papers.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
        expect(len(papers) == 2, path, ": dark as light:", papers)


class Page:
    """The page that is open, its data, and hands."""

    def __init__(self, browser):
        self.browser = browser
        self.data = json.loads(self.script("return document.getElementById('data').textContent"))

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def chart(self, title):
        return next(f for f in self.all("figure.chart") if f.find_element(By.CSS_SELECTOR, "figcaption").text == title)

    def middle(self, node):
        self.script("arguments[0].scrollIntoView({block: 'center'})", node)
        box = self.script("const b = arguments[0].getBoundingClientRect(); return [b.left, b.top, b.width, b.height]", node)
        return box[0] + box[2] / 2, box[1] + box[3] / 2

    def mouse(self, node, kind="mouseMoved", **more):
        x, y = self.middle(node)
        self.browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})

    def click(self, node):
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(node, kind, button="left", buttons=1, clickCount=1)

    def touch(self, node):
        x, y = self.middle(node)
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def press(self, node, *keys):
        self.script("arguments[0].focus()", node)
        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()  # to whatever has the focus


def try_curves(page, width):
    figure = page.chart("Loss")
    plot = figure.find_element(By.CSS_SELECTOR, "svg")
    where = figure.find_element(By.CSS_SELECTOR, "output")
    value = lambda: figure.find_element(By.CSS_SELECTOR, ".legend b").text
    losses = page.data["losses"]["y"]
    same = lambda text, loss: abs(float(text) - loss) < 1e-3 * loss
    expect(where.text == "" and value() == "", "a value nobody asked for")
    (page.touch if width < 600 else page.mouse)(plot)
    expect(where.text == "batch 3" and same(value(), losses[2]), "in the middle:", where.text, value())
    page.press(plot, Keys.HOME)
    expect(where.text == "batch 1" and same(value(), losses[0]), "Home:", where.text, value())
    page.press(plot, Keys.ARROW_RIGHT)
    expect(where.text == "batch 2" and same(value(), losses[1]), "right:", where.text, value())
    page.press(plot, Keys.END, Keys.ARROW_RIGHT)
    expect(where.text == "batch 5" and same(value(), losses[4]), "End:", where.text, value())

    curve = lambda: [p.get_attribute("d") for p in figure.find_elements(By.CSS_SELECTOR, "path")]
    before = curve()
    page.press(figure.find_element(By.CSS_SELECTOR, "input"), Keys.SPACE)
    expect(curve() != before and len(curve()) == len(before), "the log axis changes nothing")
    page.press(figure.find_element(By.CSS_SELECTOR, "input"), Keys.SPACE)
    expect(curve() == before, "and back")
    button = figure.find_element(By.CSS_SELECTOR, ".legend button")
    page.press(button, Keys.SPACE)
    expect(len(curve()) == len(before) - 1 and button.get_attribute("aria-pressed") == "false", "a hidden line shows")
    page.press(button, Keys.SPACE)
    expect(curve() == before, "a line shown again is another")


def try_activations(page):
    slider = page.all(".time input")[0]
    label = page.all(".time output")[0]
    layers = page.data["histograms"]
    marks = lambda: [page.script("return parseFloat(arguments[0].style.left)", mark) for mark in page.all(".mark")]

    def stands_at(batch, n=5):
        expect(label.text == f"batch {batch} of {n}", "the slider says", label.text)
        expect(slider.get_property("value") == str(batch - 1), "the slider stands at", slider.get_property("value"))
        expect(all(abs(mark - 100 * (batch - 0.5) / n) < 0.1 for mark in marks()), "the marks stand at", marks())
        for layer, note, bars in zip(layers, page.all("figure .readout"), page.all("svg.bars")):
            counts = layer["counts"][batch - 1]
            share = f"{100 * counts[0] / sum(counts):.0f} %"
            expect(note.text.startswith(f"Batch {batch}: {share} of {sum(counts):,} "), "the readout says", note.text)
            heights = page.script("return [...arguments[0].querySelectorAll('.bar')].map((b) => +b.getAttribute('height'))", bars)
            expect(len(heights) == 40, len(heights), "bars")
            order = sorted(range(40), key=lambda k: counts[k])
            expect(all(heights[a] <= heights[b] + 1e-6 for a, b in zip(order, order[1:])), "bars of another order than the counts")

    stands_at(5)
    page.press(slider, Keys.HOME)
    stands_at(1)
    page.press(slider, Keys.ARROW_RIGHT)
    stands_at(2)
    page.click(page.all(".heat .pixels")[1])
    stands_at(3)
    page.mouse(page.all("svg.bars")[0])
    note, counts = page.all("figure .readout")[0].text, layers[0]["counts"][2]
    low = float(note.split(" from ")[-1].split(" to ")[0])
    here = counts[round(low / 0.25)]
    expect(4 <= low < 5 and note.startswith(f"{here:,} of {sum(counts):,} activations, {100 * here / sum(counts):.1f} %, from ")
           and note.endswith(f" to {low + 0.25:g}"), "pointing at a bar:", note)

    # The colours of the heat map are those of the counts, the lowest bin at the bottom.
    pixels = page.script("const c = document.querySelector('.heat canvas'); return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    counts, colors = layers[0]["counts"], page.data["colors"]
    top = math.log1p(max(map(max, counts)))
    for column, row in ((0, 39), (4, 39), (4, 20), (2, 0)):
        color = math.floor(255 * math.log1p(counts[column][39 - row]) / top + 0.5)
        there = pixels[4 * (5 * row + column):][:3]
        expect(bytes(there).hex() == colors[6 * color:][:6], "pixel", column, row, "is", there)


def try_confusion(page):
    cells = page.all(".confusion td")
    note = lambda: page.script("return document.querySelector('.confusion').parentElement.nextSibling.textContent")
    rows = page.data["confusion"]
    page.mouse(cells[12])
    expect(note() == f"class 1, taken for class 2: {rows[1][2]} of {sum(rows[1]):,}, {100 * rows[1][2] / sum(rows[1]):.1f} %", note())
    page.press(cells[0], Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    expect(note().startswith("class 1, recognised: 900 of "), note())
    page.press(cells[0], Keys.ARROW_UP)  # there is nothing
    expect(note().startswith("class 0, recognised: 900 of "), note())


def try_wild(page):
    figure = page.chart("Loss")
    expect(page.script("return arguments[0].querySelector('input').checked", figure), "a spike asks for a log axis")
    path = figure.find_element(By.CSS_SELECTOR, "path").get_attribute("d")
    heights = [float(part.split("h")[0].split(" ")[1]) for part in path.replace("M", "L").split("L")[1:]]
    expect(path.count("M") >= 4, "gaps:", path.count("M") - 1)
    expect(min(heights) < 25 and len(heights) < 2000, "the spike:", min(heights), "of", len(heights), "points")
    expect(len(page.all(".heat canvas")) == 24, "24 layers expected")
    expect(page.all(".ending")[0].text == "This training ended early, in epoch 11 of 20.", "how it ended")


def try_training(browser, program, work):
    small_data(work)
    command = [program, "--recipe", "lesson16", "--epochs", "2", "--batch-size", "25", "--data", work, "--no-progress", "--out", work + "/out"]
    done = subprocess.run(command, capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    path = work + "/out/report.html"
    expect(path in done.stderr and os.path.exists(path), "the path of the page:", done.stderr)
    look(browser, path)
    page = Page(browser)
    expect(browser.title == "Fashion-MNIST: lesson16", browser.title)
    expect(page.data["batches"] == 8 and len(page.data["passes"]) == 4, "another training")
    expect(len(page.all(".heat canvas")) == 5, "five convolutions expected")
    expect(sum(map(sum, page.data["confusion"])) == 100, "a hundred predictions expected")
    expect(len(page.all(".picture canvas")) == 48, len(page.all(".picture canvas")), "pictures")


def main(pages, program):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("skipped: there is no chromium, or no chromium-driver")
        return 77
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([pages, work], check=True)
        browser = start()
        try:
            for name in ("five", "empty", "losses", "hostile", "wild"):
                look(browser, f"{work}/{name}.html")
            for width in (390, 1280):
                open_page(browser, work + "/five.html", width, "light")
                page = Page(browser)
                try_curves(page, width)
                try_activations(page)
                try_confusion(page)
            pdf = browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
            expect(len(pdf) > 20000, "nothing was printed")
            open_page(browser, work + "/hostile.html", 390, "light")
            page = Page(browser)
            expect(browser.title == page.data["title"], "the title is", browser.title)
            expect(not page.all("#planted, b[id], #page img, #page script"), "words have become elements")
            open_page(browser, work + "/empty.html", 390, "light")
            page = Page(browser)
            expect(len(page.all("section > p.muted")) == 7, "what is missing is said of seven parts")
            open_page(browser, work + "/wild.html", 1280, "light")
            try_wild(Page(browser))
            try_training(browser, program, work)
            for entry in browser.get_log("browser"):
                expect(False, "the console says", entry["message"])
        finally:
            browser.quit()
    print("all as expected" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
