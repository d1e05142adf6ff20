// Keeps the page of a training that still runs up to date: asks the program for newer data every
// second, and draws it without disturbing who looks: what they have chosen is kept (chart.js), and
// so are the places they have scrolled to, and the focus; while a finger or button is down, nothing
// moves.

const kPause = 1000, kPatience = 10000;  // milliseconds
let version = document.getElementById('data').dataset.version;
let latest = null;  // that is still to be drawn
let seen = JSON.parse(document.getElementById('data').textContent);
let held = false;
const note = el('p', {class: 'live'});
document.body.append(note);

const kActive = 'a, button, input, [tabindex]';

/// Which element of which section has the focus: [section, place].
function focused() {
  const sections = [...document.querySelectorAll('section')], node = document.activeElement;
  const k = sections.findIndex((section) => section.contains(node));
  return k < 0 ? null : [k, [...sections[k].querySelectorAll(kActive)].indexOf(node)];
}

function redraw(data) {
  const focus = focused(), top = scrollY;
  const lefts = [...document.querySelectorAll('.scroll')].map((node) => node.scrollLeft);
  show(data);
  document.querySelectorAll('.scroll').forEach((node, i) => node.scrollLeft = lefts[i] || 0);
  const section = focus && document.querySelectorAll('section')[focus[0]];
  section?.querySelectorAll(kActive)[focus[1]]?.focus({preventScroll: true});
  if (scrollY !== top) scrollTo(0, top);
}

/// Draws what came last, unless somebody has their hand on the page, or has marked some of its text.
function drawLatest() {
  if (held || !latest || getSelection().type === 'Range') return;
  redraw(latest);
  latest = null;
}
const hold = (down) => () => {
  held = down;
  setTimeout(drawLatest);  // behind the click that ends with it
};
addEventListener('pointerdown', hold(true), true);
for (const end of ['pointerup', 'pointercancel']) addEventListener(end, hold(false), true);
addEventListener('blur', hold(false));  // of the window: those of its elements do not come here

/// Said at the edge of the screen; to those who listen only how it ended.
function say(text, ends) {
  if (ends) note.setAttribute('role', 'status');
  if (note.textContent !== text) note.textContent = text;
}
const sayHow = () =>
    (seen.running ? say(`Live: ${seen.running}`) : say('This training is over.', true));

async function ask() {
  const headers = {'If-None-Match': version}, signal = AbortSignal.timeout(kPatience);
  const answer = await fetch('data.json', {headers, signal, cache: 'no-store'});
  if (answer.status !== 304) {
    if (!answer.ok) throw new Error(answer.statusText);
    latest = seen = await answer.json();
    version = answer.headers.get('ETag');
  }
  sayHow();
}

/// Asks again and again: not while the page is hidden, less often where drawing is slow, and also
/// after the program has ended, in case another one is started on the port.
async function watch() {
  let pause = kPause;
  const began = performance.now();
  try {
    if (!document.hidden) await ask();
    drawLatest();
    pause = Math.max(pause, 5 * (performance.now() - began));
  } catch (error) {
    const since = seen.running ? `No answer any more; it stood at ${seen.running}.` :
                                 'This training is over.';
    say(since, true);
    pause = 5 * kPause;
  }
  setTimeout(watch, pause);
}
sayHow();
setTimeout(watch, kPause);
