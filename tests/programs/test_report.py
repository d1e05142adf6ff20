#!/usr/bin/python3
"""The page of a training in a browser: on a phone and on a desk, light and dark, with mouse, finger and keys.

    test_report.py REPORT_PAGES FASHION_MNIST

Needs Debian's chromium, chromium-driver and python3-selenium; without them it says so and ends with 77.
"""
import math
import os
import shutil
import subprocess
import sys
import tempfile

from browser_page import LOOK, By, Keys, Page, open_page, start
from small_data import small_data

failures = []


def expect(ok, *what):
    if not ok:
        failures.append(" ".join(str(word) for word in what))
        print("FAILED:", failures[-1])


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


def try_shares(page):
    """Every tenth is there, darker the larger it is, in a light and a dark page: LOOK has read them all."""
    shares = page.script("return [...document.querySelectorAll('.confusion td')].map((cell) => +cell.style.getPropertyValue('--share'))")
    diagonal = [shares[10 * k] for k in range(9)]
    expect(all(abs(share**2 - 0.1 * (k + 1)) < 0.002 for k, share in enumerate(diagonal)), "shares of their rows:", diagonal)


def try_epochs(page):
    """Five thousand epochs: lines without dots, and some rows until all are asked for."""
    # Curves are drawn with the first frame.
    page.browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    expect(not page.all("svg circle"), len(page.all("svg circle")), "dots for ten thousand passes")
    epochs = lambda: page.script("return [...document.querySelectorAll('section:nth-of-type(2) tbody tr')].map((row) => row.cells[0].textContent)")
    some = ["1", "2", "3", "4", "5", "1,234"] + [f"{epoch:,}" for epoch in range(4986, 5001)]
    expect(epochs() == some, "rows:", epochs())
    button = page.all("button.more")[0]
    expect(button.text == "show all 5,000 epochs", button.text)
    page.press(button, Keys.ENTER)
    expect(epochs() == [f"{epoch:,}" for epoch in range(1, 5001)], "all:", len(epochs()))
    expect(button.text == "show fewer epochs" and page.script("return document.activeElement === arguments[0]", button), "the button")
    # What was chosen stays chosen when there are newer data.
    page.script("show(JSON.parse(document.getElementById('data').textContent))")
    expect(len(epochs()) == 5000, "after newer data:", len(epochs()))
    page.press(page.all("button.more")[0], Keys.ENTER)
    expect(epochs() == some, "and back:", len(epochs()))


def try_thinned_slider(page):
    """300 columns for 6,000 batches: the slider goes from column to column."""
    slider, label = page.all(".time input")[0], page.all(".time output")[0]
    kept = page.data["histograms"][0]["batches"]
    expect(len(kept) == 300 and kept[0] == 1 and kept[-1] == 6000, len(kept), "columns")
    at = lambda k: label.text == f"batch {kept[k]:,} of 6,000" and slider.get_property("value") == str(k % 300)
    expect(at(-1), "at first", label.text)
    page.press(slider, Keys.HOME)
    expect(at(0), "Home:", label.text)
    page.press(slider, Keys.ARROW_RIGHT)
    expect(at(1), "right:", label.text)
    page.click(page.all(".heat .pixels")[3])
    expect(at(149) or at(150), "a click in the middle:", label.text)
    expect(page.all("figure .readout")[3].text.startswith("Batch " + label.text.split()[1] + ":"), page.all("figure .readout")[3].text)
    page.press(slider, Keys.END)
    expect(at(-1), "End:", label.text)


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
    browser = start()
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([pages, work], check=True)
        try:
            for name in ("five", "empty", "losses", "hostile", "wild", "epochs", "shares"):
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
            try_thinned_slider(Page(browser))
            open_page(browser, work + "/shares.html", 1280, "light")
            try_shares(Page(browser))
            open_page(browser, work + "/epochs.html", 1280, "light")
            try_epochs(Page(browser))
            try_training(browser, program, work)
            for entry in browser.get_log("browser"):
                expect(False, "the console says", entry["message"])
        finally:
            browser.quit()
    print("all as expected" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
