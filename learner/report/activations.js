// What the layers did: histograms over time as heat maps, and one batch of them as bars.

/// "rrggbb" one behind the other, as a list of [r, g, b].
const colorTable = (colors) =>
    colors.match(/.{6}/g).map((color) => [0, 2, 4].map((k) => parseInt(color.slice(k, k + 2), 16)));

/// A column a batch, a row a bin, zero at the bottom; the colour is log(1 + count).
function heatMap(layer, colors) {
  const columns = layer.counts.length, bins = layer.counts[0].length, table = colorTable(colors);
  const top = Math.log1p(most(layer.counts.map(most))) || 1;
  const pixels = new ImageData(columns, bins);
  layer.counts.forEach((counts, column) => counts.forEach((count, bin) => {
    const color = table[Math.round((255 * Math.log1p(count)) / top)];
    pixels.data.set([...color, 255], 4 * ((bins - 1 - bin) * columns + column));
  }));
  return canvasOf(pixels, 'histograms over time');
}

/// The histogram of one batch, as high as the heat map is bright: log(1 + count).
class Bars {
  constructor(layer, top, tell) {
    Object.assign(this, {top, tell, most: most(layer.counts.map(most)) || 1});
    this.counts = layer.counts[0];
    const log = makeScale([1, 1 + this.most], true, kGround, 8, 0);
    this.y = (count) => log(1 + count);
    this.plot = svg('svg', {class: 'bars', role: 'img', 'aria-label': 'histogram of one batch'});
    this.bars = this.counts.map(() => svg('rect', {class: 'bar'}));
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /// Only the heights change from batch to batch, so that a slider runs smoothly.
  show(counts) {
    this.counts = counts;
    counts.forEach((count, bin) => {
      fill(this.bars[bin], {y: this.y(count), height: kGround - this.y(count)}, []);
    });
  }

  draw() {
    const width = this.plot.clientWidth || 400, right = width - 8, left = 44;
    const x = makeScale([0, this.bars.length], false, left, right, 0), y = this.y;
    this.plot.setAttribute('viewBox', `0 0 ${width} 150`);
    this.plot.replaceChildren();
    const write = (x, y, anchor, value) =>
        this.plot.append(svg('text', {x, y, 'text-anchor': anchor}, short(value)));
    for (const tick of [0, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter((tick) => tick <= this.most)) {
      this.plot.append(svg('line', {class: 'rule', x1: left, x2: right, y1: y(tick), y2: y(tick)}));
      write(left - 5, y(tick) + 4, 'end', tick);
    }
    this.bars.forEach((bar, bin) => this.place(bar, bin, x(bin), x(bin + 1)));
    ['start', 'middle', 'end'].forEach(
        (anchor, i) =>
            write(left + (i / 2) * (right - left), kGround + 14, anchor, (i / 2) * this.top));
  }

  /// A bar, and upon it one that cannot be seen but pointed at, as high as the plot.
  place(bar, bin, x, end) {
    const say = () => this.tell(this.describe(bin));
    const target = {x, y: 0, width: end - x, height: kGround, fill: 'transparent'};
    this.plot.append(
        fill(bar, {x, width: Math.max(end - x - 1, 1)}, []),
        svg('rect', {...target, pointerenter: say, pointerdown: say}));
  }
  describe(bin) {
    const all = total(this.counts), edge = (k) => short((k * this.top) / this.counts.length);
    return `${number(this.counts[bin])} of ${number(all)} activations, ` +
        `${ratio(this.counts[bin], all)}, from ${edge(bin)} to ${edge(bin + 1)}`;
  }
}
const kGround = 128;  // where the bars stand

/// The card of one layer: its heat map, and below it the batch that the slider stands at. `choose`
/// is told when somebody picks a batch in the heat map.
class Layer {
  constructor(layer, data, choose) {
    this.layer = layer;
    this.mark = el('div', {class: 'mark'});
    this.readout = el('p', {class: 'readout'});
    this.bars = new Bars(layer, data.max_activation, (text) => this.readout.textContent = text);
    this.top = short(data.max_activation);
    this.lowest = short(data.max_activation / layer.counts[0].length);
    const type = data.layers.find(({path}) => path === layer.name)?.type || '';
    const pick = (event) => {
      if (event.type === 'pointermove' && !event.buttons) return;
      const box = pixels.getBoundingClientRect(), n = layer.batches.length;
      const column = Math.floor((n * (event.clientX - box.left)) / box.width);
      choose(layer.batches[Math.min(Math.max(column, 0), n - 1)]);
    };
    const pixels =
        el('div', {class: 'pixels', pointerdown: pick, pointermove: pick},
           heatMap(layer, data.colors), this.mark);
    const words = (name, ...all) => el('div', {class: name}, ...all.map((w) => el('span', {}, w)));
    this.card =
        el('figure', {}, el('figcaption', {}, layer.name, ' ', el('span', {class: 'muted'}, type)),
           el('div', {class: 'heat'}, words('side', short(data.max_activation), '0'), pixels,
              words('under', 'batch ' + number(layer.batches[0]), number(layer.batches.at(-1)))),
           this.bars.plot, this.readout);
  }

  moveTo(batch) {
    const k = nearest(this.layer.batches, batch), counts = this.layer.counts[k];
    this.mark.style.left = (100 * (k + 0.5)) / this.layer.batches.length + '%';
    this.bars.show(counts);
    this.readout.textContent = `Batch ${number(this.layer.batches[k])}: ` +
        `${ratio(counts[0], total(counts))} of ${number(total(counts))} activations up to ` +
        `${this.top} are below ${this.lowest}`;
  }
}

/// All layers, moved by one slider.
function slidingLayers(data, layers) {
  const longest = layers.map((layer) => layer.batches).sort((a, b) => b.length - a.length)[0];
  const last = longest.length - 1, label = el('output');
  const slider = el('input', {
    type: 'range',
    max: last,
    value: last,
    'aria-label': 'batch',
    input: () => keep(longest[slider.value])
  });
  const choose = (batch) => {
    slider.value = nearest(longest, batch);
    keep(batch);
  };
  const all = layers.map((layer) => new Layer(layer, data, choose));
  const moveTo = (batch) => {
    label.textContent = `batch ${number(batch)} of ${number(longest[last])}`;
    slider.setAttribute('aria-valuetext', label.textContent);
    all.forEach((layer) => layer.moveTo(batch));
  };
  // Who has moved it finds it there when there are more batches; at the end it stays at the end.
  const keep = (batch) => {
    batch === longest[last] ? kept.delete('batch') : kept.set('batch', batch);
    moveTo(batch);
  };
  const batch = kept.get('batch') ?? longest[last];
  slider.value = nearest(longest, batch);
  moveTo(longest[slider.value]);
  return [el('div', {class: 'card time'}, slider, label), all.map((layer) => layer.card)];
}

function activations(data) {
  const layers = data.histograms.filter((layer) => layer.counts.length);
  if (!layers.length) return missing('No activations were recorded.');
  const [slider, cards] = slidingLayers(data, layers);
  const lines = (list, key) => list.map((line) => ({name: line.name, ...line[key]}));
  const share = {log: false, format: (value) => ratio(value, 1)};
  return [
    el('p', {class: 'muted'},
       'Absolute activations of each layer: a column is a batch, from 0 at the bottom; the ' +
           'brighter, the more, on a log scale. What is above the top is not counted; thin stripes ' +
           'are the shorter last batches of epochs. Broad bands are good; towers that collapse ' +
           'into the lowest row are not. Below it the batch that the slider stands at.'),
    slider,
    el('div', {class: 'grid'}, ...cards,
       chart('Share of activations near zero', lines(data.histograms, 'dead'), share),
       chart('Mean of the activations', lines(data.stats, 'means'), {log: false}),
       chart('Standard deviation of the activations', lines(data.stats, 'stds')))
  ];
}
