"""A browser, the page of a training in it, and hands, for tests that look at such pages."""
import json
import shutil
import sys

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def start():
    """A browser without a window; where there is none the test ends with 77, which counts as skipped."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("skipped: there is no chromium, or no chromium-driver")
        sys.exit(77)
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
const parts = (color) => [...color.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);  // red, green, blue, how opaque
const light = (color) => {
  const [r, g, b] = color.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
// What lies behind a node: colours one upon the other, down to the first that hides all below.
const behind = (node) => {
  const layers = [];
  for (; node; node = node.parentElement) {
    layers.unshift(parts(getComputedStyle(node).backgroundColor));
    if (layers[0][3] === 1) break;
  }
  return layers.reduce((below, above) => below.map((v, i) => v + (above[i] - v) * above[3]), [255, 255, 255]);
};
for (const node of document.querySelectorAll('h1, h2, p, a, dt, th, td, .tile b, .tile span, figcaption, label, button, svg text, .right, .wrong')) {
  const style = getComputedStyle(node), color = node.closest('svg') ? style.fill : style.color;
  const ink = light(parts(color).slice(0, 3)), paper = light(behind(node));
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
