// Draws a report: one function a part of the page, each from its part of the data (report_json.cpp
// writes it), with the elements, axes and curves of chart.js.

// --- curves --------------------------------------------------------------------------------------

const kFew = 20;  // batches that have no trend

/// Losses of every batch with their trend, and every measure of the passes.
function curves(data) {
  const passes = (train, k) => {
    const rows = data.passes.filter((pass) => pass.train === train);
    return {
      name: train ? 'training' : 'validation',
      x: rows.map((row) => row.batches),
      y: rows.map((row) => row.values[k]),
      style: 'dots',
      color: train ? 0 : 1
    };
  };
  const plots = [chart('Loss', [
    {name: 'batch', ...data.losses, style: 'faint', color: 0},
    ...(data.batches < kFew ? [] : [{name: 'trend', ...data.trend, color: 0}]),
    ...(data.measures.length ? [{...passes(false, 0), name: 'validation'}] : [])
  ])];
  data.measures.slice(1).forEach(
      (name, k) => plots.push(chart(capital(name), [passes(true, k + 1), passes(false, k + 1)])));
  plots.push(chart('Learning rate', [{name: 'rate', ...data.rates}], {log: false}));
  return [el('div', {class: 'grid'}, ...plots)];
}

const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

/// Of every weight, step by step.
function updates(data) {
  const seen = data.updates.some((line) => line.gradients.x.length);
  if (!seen) return missing('No gradients were recorded.');
  const lines = (key) => data.updates.map((line) => ({name: line.name, ...line[key]}));
  return [el(
      'div', {class: 'grid'}, chart('Norm of the gradient', lines('gradients'), {log: true}),
      chart('Norm of a step / norm of the weight', lines('ratios'), {log: true}))];
}

// --- what the model says -------------------------------------------------------------------------

const kLater = 'To be seen when the training is over.';

/// Rows are what is true, columns what it was taken for; a cell is as dark as its share of the row.
function confusion(data) {
  if (!data.confusion.length)
    return missing(data.running ? kLater : 'No predictions were recorded.');
  const hint = 'Point at a cell, or walk with the arrow keys.';
  const tell = el('p', {class: 'readout', 'aria-live': 'polite'}, hint);
  const cells = data.confusion.map((row, truth) => row.map((count, guess) => {
    const say = () => tell.textContent = describe(data, truth, guess);
    const tabindex = truth + guess ? -1 : 0;
    const style = shade(count / (total(row) || 1));
    return el(
        'td', {style, tabindex, pointerenter: say, pointerdown: say, focus: say},
        count ? number(count) : '');
  }));
  const name = (text, scope) => el('th', {scope, title: text}, el('span', {}, text));
  const names = data.classes.map((text) => name(text, 'col'));
  const rows = cells.map((row, truth) => el('tr', {}, name(data.classes[truth], 'row'), ...row));
  const keydown = (event) => walk(cells, event);
  const head =
      el('thead', {}, el('tr', {}, el('th', {}, 'true \u2193 taken for \u2192'), ...names));
  const table = el('table', {class: 'confusion', keydown}, head, el('tbody', {}, ...rows));
  return [el('div', {class: 'scroll'}, table), tell];
}

function describe(data, truth, guess) {
  const count = data.confusion[truth][guess], all = total(data.confusion[truth]);
  const taken = truth === guess ? 'recognised' : 'taken for ' + data.classes[guess];
  return `${data.classes[truth]}, ${taken}: ${number(count)} of ${number(all)}, ${
      ratio(count, all)}`;
}

/// By the root: the mistakes, which are few, are what one looks for.
const shade = (share) => `--share: ${Math.sqrt(share).toFixed(3)}`;

/// From cell to cell with the arrow keys.
function walk(cells, event) {
  const steps = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
  const row = cells.findIndex((list) => list.includes(event.target));
  if (row < 0 || !steps[event.key]) return;
  const [down, right] = steps[event.key], column = cells[row].indexOf(event.target);
  event.preventDefault();
  cells[row + down]?.[column + right]?.focus();
}

/// The pixels of an example, of one or three channels.
function picture(example) {
  const bytes = atob(example.pixels), pixels = new ImageData(example.width, example.height);
  for (let i = 0; i < example.width * example.height; ++i) {
    for (const k of [0, 1, 2])
      pixels.data[4 * i + k] = bytes.charCodeAt(example.channels === 3 ? 3 * i + k : i);
    pixels.data[4 * i + 3] = 255;
  }
  return canvasOf(pixels, example.truth);
}
function pictures(title, examples) {
  const cards = examples.map((example) => {
    const right = example.truth === example.guess, mark = right ? '\u2713' : '\u2717';
    return el(
        'div', {class: 'card picture'}, picture(example), el('div', {}, example.truth),
        el('div', {class: right ? 'right' : 'wrong'}, `${mark} ${example.guess}`),
        el('div', {class: 'muted'}, ratio(example.confidence, 1)));
  });
  return [el('h3', {}, title), el('div', {class: 'pictures'}, ...cards)];
}

/// What the images are, what the model says and how sure it is of that.
function predictions(data) {
  if (!data.worst.length) return missing(data.running ? kLater : 'No predictions were recorded.');
  return [
    el('p', {class: 'muted'}, 'What it is; what the model says, and how sure it is.'),
    ...pictures('The largest losses', data.worst), ...pictures('The smallest losses', data.best)
  ];
}

// --- tables --------------------------------------------------------------------------------------

/// A table of columns {name, word} and rows of cells.
function table(columns, rows) {
  const row = (cells, tag) =>
      el('tr', {}, ...cells.map((cell, i) => el(tag, {class: columns[i].class}, cell)));
  return el(
      'div', {class: 'scroll', tabindex: 0},
      el('table', {}, el('thead', {}, row(columns.map((column) => column.name), 'th')),
         el('tbody', {}, ...rows.map((cells) => row(cells, 'td')))));
}

// A table of more epochs than that has the first and the last, so many, and the best.
const kAllRows = 40, kFirst = 5, kLast = 15;

/// A row an epoch, training beside validation.
function epochs(data) {
  if (!data.passes.length)
    return missing(data.running ? 'No epoch is finished yet.' : 'No epoch was finished.');
  const unique = [...new Set(data.passes.map((pass) => pass.epoch))];
  const passes = new Map(data.passes.map((pass) => [kindOf(pass) + pass.epoch, pass]));
  const kinds =
      ['train', 'valid'].filter((kind) => data.passes.some((pass) => kindOf(pass) === kind));
  const names = [...data.measures, 'seconds'];
  const cells = (epoch, kind) => {
    const pass = passes.get(kind + epoch);
    return pass ? [...pass.values.map(measure), fixed(pass.seconds, 2)] : names.map(() => '');
  };
  const columns = kinds.flatMap((kind) => names.map((name) => ({name: `${kind} ${name}`})));
  const row = (epoch) => [number(epoch + 1), ...kinds.flatMap((kind) => cells(epoch, kind))];
  const draw = (list) => table([{name: 'epoch'}, ...columns], list.map(row));
  if (unique.length <= kAllRows) return [draw(unique)];
  const best = bestEpoch(data.passes.filter((pass) => kindOf(pass) === kinds.at(-1)));
  const few =
      unique.filter((epoch, i) => i < kFirst || i >= unique.length - kLast || epoch === best);
  const some = few.length > kFirst + kLast ?
      `, and ${number(best + 1)}, of the smallest ${kinds.at(-1)} loss` :
      '';
  const text = el('p', {class: 'muted'}), place = el('div'), key = 'all epochs';
  const redraw = () => {
    const open = kept.has(key);
    text.textContent = open ? '' : `The first and the last epochs${some}.`;
    button.textContent = open ? 'show fewer epochs' : `show all ${number(unique.length)} epochs`;
    place.replaceChildren(draw(open ? unique : few));
  };
  const click = () => {
    kept.has(key) ? kept.delete(key) : kept.set(key, true);
    redraw();
  };
  const button = el('button', {class: 'more', click});
  redraw();
  return [text, place, button];
}

/// The epoch of the smallest loss, the first of the measures.
function bestEpoch(passes) {
  const judged = passes.filter((pass) => (pass.values[0] ?? null) !== null);
  return judged.reduce((a, b) => (b.values[0] < a.values[0] ? b : a), judged[0])?.epoch;
}

const kindOf = (pass) => (pass.train ? 'train' : 'valid');

/// A row a layer, with its time as a bar.
function model(data) {
  if (!data.layers.length) return missing('The model was not summarised.');
  const sum = (key) => total(data.layers.map((layer) => layer[key]));
  const slowest = most(data.layers.map((layer) => layer.seconds)) || 1;
  const bar = (seconds) => el('div', {class: 'share', style: `width: ${100 * seconds / slowest}%`});
  const millions = (count) => (count ? fixed(count / 1e6, 3) : '');
  const numbers =
      (parameters, multiplyAdds,
       seconds) => [number(parameters), millions(multiplyAdds), fixed(1e3 * seconds, 2)];
  const row = (layer) =>
      [layer.path, layer.type, layer.output,
       ...numbers(layer.parameters, layer.multiply_adds, layer.seconds), bar(layer.seconds)];
  const all = ['all', '', '', ...numbers(sum('parameters'), sum('multiply_adds'), sum('seconds'))];
  const words = ['module', '', 'output'].map((name) => ({name, class: 'word name'}));
  const columns = ['parameters', 'M multiply-adds', 'ms'].map((name) => ({name}));
  const text = 'Forward, in evaluation, each layer timed alone; multiply-adds are of one image.';
  return [
    el('p', {class: 'muted'}, text),
    table(
        [...words, ...columns, {name: 'time', class: 'word shares'}],
        [...data.layers.map(row), [...all, '']])
  ];
}

/// A term and what it is, one beside the other.
function settings(data) {
  if (!data.settings.length) return missing('No settings were recorded.');
  const pair = ([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value));
  return [el('dl', {class: 'card'}, ...data.settings.map(pair))];
}

// --- the page ------------------------------------------------------------------------------------

/// Instead of a part that nobody recorded.
const missing = (text) => [el('p', {class: 'muted'}, text)];

/// The few numbers that one asks for first: what the last validation said, and how long it took.
function tiles(data) {
  const last = data.passes.filter((pass) => !pass.train).at(-1) || data.passes.at(-1);
  const said = (name, k) => [`${kindOf(last)} ${name}`, measure(last.values[k])];
  const facts = last ? data.measures.map(said).reverse() : [];
  const epochs = new Set(data.passes.map((pass) => pass.epoch)).size;
  const seconds = total(data.passes.map((pass) => pass.seconds));
  facts.push(
      ['batches', number(data.batches)], [epochs === 1 ? 'epoch' : 'epochs', number(epochs)],
      ['seconds', fixed(seconds, 1)]);
  if (data.layers.length)
    facts.push(['parameters', number(total(data.layers.map((layer) => layer.parameters)))]);
  const tile = ([name, value]) =>
      el('div', {class: 'tile'}, el('b', {}, value), el('span', {}, name));
  return el('div', {class: 'tiles'}, ...facts.map(tile));
}

const kParts = [
  ['Curves', curves], ['Epochs', epochs], ['Activations', activations],
  ['Gradients and steps', updates], ['Confusion matrix', confusion], ['Predictions', predictions],
  ['Model', model], ['Settings and machine', settings]
];

/// Fills the page. To show a training that still runs, call it again with newer data.
function show(data) {
  document.title = data.title;
  const ending = data.ending ? `This training ${data.ending}.` : '';
  const links = kParts.map(([name], i) => el('a', {href: '#part-' + i}, name));
  const section = ([name, draw], i) =>
      el('section', {}, el('h2', {id: 'part-' + i}, name), ...draw(data));
  document.getElementById('page').replaceChildren(
      el('h1', {}, data.title), ...(ending ? [el('p', {class: 'ending'}, ending)] : []),
      tiles(data), el('nav', {'aria-label': 'parts'}, ...links), ...kParts.map(section));
}

show(JSON.parse(document.getElementById('data').textContent));
