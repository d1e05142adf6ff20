// What the page is drawn with: elements, numbers for people, axes, and curves that say their
// values. Words of the data become text nodes and attributes, never HTML, so they may hold
// anything. Curves are SVG, which takes its colours from the style sheet and so follows the screen
// from light to dark.
'use strict';

/// What somebody has chosen on the page, by name, so that it is the same when the page is drawn
/// again with newer data.
const kept = new Map();

// --- elements and numbers ------------------------------------------------------------------------

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function')
      node.addEventListener(name, value);
    else if (value !== undefined && value !== false)
      node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}
const el = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

/// Pixels that the style sheet enlarges, and words for who does not see them.
function canvasOf(pixels, label) {
  const canvas =
      el('canvas', {width: pixels.width, height: pixels.height, role: 'img', 'aria-label': label});
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  return canvas;
}

/// For people: four digits, or all of a whole number. JSON has no NaN; null stands for it.
function number(value) {
  if (value === null || value === undefined) return 'not a number';
  const size = Math.abs(value);
  if (size >= 1e12 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  if (Number.isInteger(value) || size >= 1e4) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(4);
}
/// With so many digits behind the point; where nothing was measured, nothing.
const fixed = (value, digits) => (value === null ? '' : value.toFixed(digits));
/// A loss or a metric, four digits behind the point as everywhere.
const measure = (value) =>
    (value === null || Math.abs(value) >= 1000 ? number(value) : fixed(value, 4));
/// "12 %", and "0.4 %" where whole percents would say too little.
function ratio(part, all) {
  if (part === null || !all) return 'none';
  const percents = (100 * part) / all;
  return percents.toFixed(percents < 10 && percents > 0 ? 1 : 0) + ' %';
}
const total = (values) => values.reduce((a, b) => a + b, 0);
const finite = (values) => values.filter((value) => value !== null);
// By a loop: the arguments of Math.max(...list) have to fit the stack.
const least = (values) => values.reduce((a, b) => (b < a ? b : a), Infinity);
const most = (values) => values.reduce((a, b) => (b > a ? b : a), -Infinity);

/// The place of the number nearest to x in an ascending list.
function nearest(list, x) {
  let low = 0, high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < x)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && x - list[low - 1] <= list[low] - x ? low - 1 : low;
}

// --- axes ----------------------------------------------------------------------------------------

/// Round numbers in [low, high], about so many of them.
function linearTicks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= rough * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k)
    ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/// Powers of ten, every so many of them; with 2 and 5 times each where there are few.
function logTicks(low, high, count) {
  const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((to - from) / count)), ticks = [];
  for (let power = from; power <= to; power += every)
    for (const k of to - from <= 3 ? [1, 2, 5] : [1])
      ticks.push(Number((k * 10 ** power).toPrecision(3)));
  const seen = ticks.filter((tick) => tick >= low && tick <= high);
  return seen.length > 1 ? seen : linearTicks(low, high, count).filter((tick) => tick > 0);
}

/// From values to pixels: [low, high] becomes [from, to], a little wider, linear or logarithmic.
function makeScale(values, log, from, to, margin) {
  const place = log ? Math.log10 : (v) => v, value = log ? (p) => 10 ** p : (p) => p;
  let low = values.length ? place(least(values)) : 0,
      high = values.length ? place(most(values)) : 1;
  if (high === low)
    [low, high] = log ? [low - 0.5, high + 0.5] :
                        [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const room = margin * (high - low);
  low -= room, high += room;
  const scale = (v) => from + ((place(v) - low) / (high - low)) * (to - from);
  scale.inverse = (pixel) => value(low + ((pixel - from) / (to - from)) * (high - low));
  scale.ticks = (count) => (log ? logTicks : linearTicks)(value(low), value(high), count);
  return scale;
}

// --- curves --------------------------------------------------------------------------------------

const kHeight = 220;
const kEdge = {
  left: 54,
  right: 12,
  top: 10,
  bottom: 34
};
const kBottom = kHeight - kEdge.bottom;  // where the x axis is
const kDots = 300;                       // more of them would hide the curve, and take long
const kColors = 10;                      // in the style sheet; then they come again, dashed
const paint = (line) => `var(--c${line.color % kColors})`;

/// Few values so large that the others would lie flat on the ground ask for a log axis, unless many
/// could not be drawn on it.
function isSpiky(lines) {
  const values = finite(lines.flatMap((line) => line.y));
  const positive = values.filter((value) => value > 0).sort((a, b) => a - b);
  const median = positive[positive.length >> 1];
  return positive.length > 0.9 * values.length && positive.at(-1) > 30 * median;
}

/// A plot of lines {name, x, y, style, color}, x ascending; style is "faint", "dots" or nothing. A
/// line may be switched off, and the values at one x are shown beside the names: where the pointer
/// is, or where the arrow keys have gone.
class Chart {
  constructor(title, lines, options = {}) {
    this.lines = lines.filter((line) => finite(line.y).length > 0);
    this.title = title;
    this.lines.forEach((line, i) => {
      const hidden = kept.has(this.hides(line));
      Object.assign(line, {color: line.color ?? i, hidden});
    });
    this.xs = [...new Set(this.lines.flatMap((line) => line.x))].sort((a, b) => a - b);
    const pointedAt = this.xs.length ? kept.get(title) : undefined;
    this.at = pointedAt === undefined ? null : nearest(this.xs, pointedAt);  // place in xs
    this.log = kept.get(title + ': log') ?? options.log ?? isSpiky(this.lines);
    this.format = options.format || number;
    this.plot = svg('svg', {
      tabindex: this.lines.length ? 0 : undefined,
      role: 'img',
      'aria-label': title + '; arrow keys show values',
      pointermove: (event) => this.point(event),
      pointerdown: (event) => this.point(event),
      pointerleave: (event) => event.pointerType === 'mouse' && this.moveTo(null),
      keydown: (event) => this.press(event)
    });
    this.cursor = svg('g');
    this.figure = this.frame(title);
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  hides(line) { return `${this.title}: without ${line.name}`; }

  frame(title) {
    const change = () => {
      this.log = box.checked;
      kept.set(title + ': log', this.log);
      this.draw();
    };
    const box = el('input', {type: 'checkbox', checked: this.log && '', change});
    this.where = el('output');  // which batch the values beside the names are of
    const legend = this.lines.map((line) => this.button(line));
    return el(
        'figure', {class: 'chart'},
        el('div', {class: 'head'}, el('figcaption', {}, title), this.where,
           el('label', {}, box, ' log')),
        this.plot, el('div', {class: 'legend'}, ...legend));
  }

  /// Of the legend: shows and hides its line, and says the line's value.
  button(line) {
    const style = `border-color: ${paint(line)}`;
    const kind = line.color >= kColors ? 'dashed' : line.style || '';
    const click = () => {
      line.hidden = !line.hidden;
      line.hidden ? kept.set(this.hides(line), true) : kept.delete(this.hides(line));
      button.setAttribute('aria-pressed', String(!line.hidden));
      this.draw();
    };
    line.value = el('b');
    const button =
        el('button', {'aria-pressed': String(!line.hidden), title: 'show or hide', click},
           el('i', {style, class: kind}), line.name, line.value);
    return button;
  }

  visible(value) { return value !== null && (!this.log || value > 0); }

  draw() {
    const width = this.plot.clientWidth || 600, right = width - kEdge.right;
    const shown = this.lines.filter((line) => !line.hidden);
    const heights = shown.flatMap((line) => line.y).filter((value) => this.visible(value));
    this.plot.setAttribute('viewBox', `0 0 ${width} ${kHeight}`);
    this.x = makeScale([1, ...this.xs], false, kEdge.left, right, 0.01);
    this.y = makeScale(heights, this.log, kBottom, kEdge.top, 0.06);
    this.plot.replaceChildren();
    this.drawAxes(right);
    shown.forEach((line) => this.drawLine(line));
    if (!this.lines.length) this.write(width / 2, kHeight / 2, 'middle', 'no data');
    this.plot.append(this.cursor);
    this.drawCursor();
  }

  write(x, y, anchor, text) { this.plot.append(svg('text', {x, y, 'text-anchor': anchor}, text)); }
  rule(kind, x1, x2, y1, y2) { return svg('line', {class: kind, x1, x2, y1, y2}); }

  drawAxes(right) {
    for (const tick of this.y.ticks(7)) {
      this.plot.append(this.rule('rule', kEdge.left, right, this.y(tick), this.y(tick)));
      this.write(kEdge.left - 6, this.y(tick) + 4, 'end', short(tick));
    }
    const ticks = this.x.ticks(Math.max(2, right / 110));
    for (const tick of ticks.filter(
             (tick) => Number.isInteger(tick) && tick > 0 && this.xs.length)) {
      const x = this.x(tick), anchor = x > right - 16 ? 'end' : 'middle';
      this.write(x, kBottom + 15, anchor, number(tick));
    }
    this.plot.append(this.rule('axis', kEdge.left, right, kBottom, kBottom));
    this.write((kEdge.left + right) / 2, kHeight - 4, 'middle', 'batch');
  }

  drawLine(line) {
    this.plot.append(svg('path', {
      class: 'curve ' + (line.style || ''),
      style: `stroke: ${paint(line)}`,
      'stroke-dasharray': line.color >= kColors ? '5 3' : undefined,
      d: this.path(line)
    }));
    if (line.style !== 'dots' || line.x.length > kDots) return;
    line.x.forEach((_, k) => this.visible(line.y[k]) && this.plot.append(this.dot(line, k)));
  }

  /// In the language of SVG. What cannot be drawn, or not on a log axis, is a gap; a point between
  /// two gaps is a line of no length, whose round ends make a dot.
  path(line) {
    let path = '', pen = 'M';
    line.x.forEach((at, k) => {
      const seen = this.visible(line.y[k]);
      if (seen) path += `${pen}${this.x(at).toFixed(1)} ${this.y(line.y[k]).toFixed(1)}`;
      if (seen && pen === 'M') path += 'h0';
      pen = seen ? 'L' : 'M';
    });
    return path;
  }
  dot(line, k) {
    const cx = this.x(line.x[k]), cy = this.y(line.y[k]);
    return svg('circle', {cx, cy, r: 3, style: `fill: ${paint(line)}`});
  }

  drawCursor() {
    const at = this.at === null ? null : this.xs[this.at];
    this.where.textContent = at === null ? '' : 'batch ' + number(at);
    this.cursor.replaceChildren();
    for (const line of this.lines) line.value.textContent = '';
    if (at === null) return;
    this.cursor.append(this.rule('cursor', this.x(at), this.x(at), kEdge.top, kBottom));
    for (const line of this.lines) {
      const k = nearest(line.x, at);
      const there = line.style === 'dots' && line.x[k] !== at ? ` at ${number(line.x[k])}` : '';
      line.value.textContent = this.format(line.y[k]) + there;
      if (!line.hidden && this.visible(line.y[k])) this.cursor.append(this.dot(line, k));
    }
  }

  moveTo(at) {
    this.at = at;
    at === null ? kept.delete(this.title) : kept.set(this.title, this.xs[at]);
    this.drawCursor();
  }
  point(event) {
    const left = this.plot.getBoundingClientRect().left;
    if (this.xs.length) this.moveTo(nearest(this.xs, this.x.inverse(event.clientX - left)));
  }
  press(event) {
    const last = this.xs.length - 1, here = this.at ?? 0, far = Math.ceil(last / 20);
    const to = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      PageDown: here - far,
      PageUp: here + far,
      Home: 0,
      End: last
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.moveTo(Math.min(last, Math.max(0, to)));
  }
}

/// The figure of a Chart.
const chart = (title, lines, options) => new Chart(title, lines, options).figure;

/// A number beside an axis: as short as it can be.
function short(tick) {
  const size = Math.abs(tick);
  if (size >= 1e4 || (size > 0 && size < 1e-3)) return tick.toExponential().replace('e+', 'e');
  return String(tick);
}
