// Makes the page better, never necessary: local times, ages, refreshed parts.
'use strict';
const age = (seconds) => seconds < 60 ? `${Math.max(0, Math.floor(seconds))} s ago` : `${Math.floor(seconds / 60)} min ago`;
// All times of a page are in one zone: the meter's on its own page, or else the browser's.
const formats = (timeZone) => [
  new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }),
  ...['short', 'longOffset'].map((timeZoneName) => new Intl.DateTimeFormat('en', { timeZone, timeZoneName })),
];
const [local, shortName, longOffset] = (() => {
  try {
    return formats(document.querySelector('[data-zone]')?.dataset.zone);
  } catch {
    return formats(); // A zone that this browser does not know.
  }
})();
const [day, clock] = [0, 11].map((begin) => (at) => local.format(at).substring(begin, begin + 10));
const part = (format, at) => format.formatToParts(at).find((part) => part.type === 'timeZoneName').value;
const named = (at) => part(shortName, at);
const zone = (at) => part(longOffset, at).slice(3) || 'Z';

// The server's clock counts: a wrong clock of this machine makes no wrong ages.
const rendered = document.querySelector('time.clock');
const offset = rendered ? Date.parse(rendered.dateTime) - Date.now() : 0;

function times(root = document) {
  const now = Date.now() + offset;
  for (const time of root.querySelectorAll('time[datetime]')) {
    const at = new Date(time.classList.contains('clock') ? now : time.dateTime);
    if (isNaN(at)) continue;
    const full = `${day(at)} ${clock(at)}`;
    time.title = full.replace(' ', 'T') + zone(at);
    if (time.classList.contains('clock')) time.textContent = `${clock(at)} ${named(at)}`;
    else if (time.classList.contains('age') && now - at < 3600e3) time.textContent = age((now - at) / 1000);
    else if (time.classList.contains('short')) time.textContent = full.slice(0, 16);
    else time.textContent = day(at) === day(new Date(now)) ? clock(at) : full;
  }
}

// The state in the head is fetched again on every page, with the parts that show it, unless the reader is in them.
async function refresh() {
  const parts = document.querySelectorAll('[data-refresh]');
  try {
    const answer = await fetch(parts.length ? location.href : '/trouble', { cache: 'no-store' });
    // The session has ended: the page itself leads to the login.
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    // The first meter is there, and with it the form above the list.
    if (document.querySelector('#empty') && !page.querySelector('#empty')) return location.reload();
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      const selection = getSelection();
      const isRead = part.contains(document.activeElement) && part !== document.activeElement
        || !selection.isCollapsed && part.contains(selection.anchorNode);
      if (fresh && !isRead) part.replaceChildren(...fresh.childNodes);
    }
    document.querySelector('#state').replaceWith(page.querySelector('#state'));
    const count = 'header nav a[href="/trouble"]';
    document.querySelector(count).replaceChildren(...page.querySelector(count).childNodes);
    document.title = page.title[0] + document.title.slice(1);
    times();
    copies();
    follow();
  } catch {
    const state = document.querySelector('#state');
    state.className = 'state bad';
    state.textContent = '▲ This page cannot reach meterline';
    document.title = '▲' + document.title.slice(1);
  }
}

// Live values of the meters on this page; a refreshed list can have others.
let places = new Map();
let events;
function follow() {
  const before = [...places.keys()].join(',');
  places = new Map([...document.querySelectorAll('[data-meter]')].map((place) => [place.dataset.meter, place]));
  const ids = [...places.keys()].join(',');
  if (ids === before) return;
  events?.close();
  if (!ids) return;
  events = new EventSource(`/events?meters=${ids}`);
  events.onmessage = (event) => {
    for (const change of JSON.parse(event.data)) {
      const place = places.get(change.meter);
      const value = place?.querySelector('.value');
      if (value && change.number) {
        const isNew = value.textContent !== change.number;
        value.textContent = change.number;
        value.parentElement.title = change.full;
        value.parentElement.querySelector('.unit').textContent = change.unit;
        if (isNew) value.classList.add('changed');
        value.onanimationend = () => value.classList.remove('changed');
      }
      const silent = place?.querySelector('.silent');
      if (silent) silent.outerHTML = '<time class="age"></time>';
      const age = place?.querySelector('time.age');
      if (age) age.dateTime = change.at;
    }
    times();
  };
}
// The commands of Trouble can be copied.
function copies(root = document) {
  for (const button of root.querySelectorAll('button[data-copy]')) button.hidden = !navigator.clipboard;
}
document.addEventListener('click', async (event) => {
  const button = event.target.closest('button[data-copy]');
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = 'Copied';
});

times();
copies();
setInterval(times, 1000);
follow();
const waits = [...document.querySelectorAll('[data-refresh]')].map((part) => Number(part.dataset.refresh));
setInterval(() => document.hidden || refresh(), Math.min(...waits.length ? waits : [15]) * 1000);
document.addEventListener('visibilitychange', () => document.hidden || refresh());

// A crosshair with the values of all lines at that instant.
document.addEventListener('pointermove', (event) => {
  document.querySelectorAll('.readout, .cross').forEach((old) => old.remove());
  const plot = event.target.closest?.('.plot');
  const lines = plot ? [...plot.querySelectorAll('.line[data-label]')] : [];
  if (lines.length === 0) return;
  const box = plot.getBoundingClientRect();
  const [from, until, low, high] = ['from', 'until', 'low', 'high'].map((name) => Number(plot.dataset[name]));
  const wanted = (event.clientX - box.left) / box.width * 1000;
  let nearest = wanted;
  const texts = lines.map((line) => {
    const points = line.getAttribute('d').slice(1).split(/[ML]/).map((point) => point.split(' ').map(Number));
    const [x, y] = points.reduce((best, point) => Math.abs(point[0] - wanted) < Math.abs(best[0] - wanted) ? point : best);
    nearest = x;
    return `${line.dataset.label}: ${Number((high - y / 200 * (high - low)).toPrecision(3))} ${plot.dataset.unit}`;
  });
  const at = new Date(from + nearest / 1000 * (until - from));
  const readout = document.createElement('div');
  readout.className = 'readout';
  readout.textContent = [`${day(at)} ${clock(at)} ${named(at)}`, ...texts].join(' · ');
  plot.parentElement.append(readout);
  const place = nearest / 1000 * box.width;
  readout.style.left = `${Math.max(0, Math.min(place, box.width - readout.offsetWidth))}px`;
  const cross = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  for (const [name, value] of Object.entries({ class: 'cross', x1: place, x2: place, y1: 8, y2: 208 })) cross.setAttribute(name, value);
  plot.append(cross);
});
