// Makes the page better, never necessary: local times, ages, refreshed parts.
'use strict';
const pad = (number) => String(number).padStart(2, '0');
const age = (seconds) => seconds < 60 ? `${Math.max(0, Math.floor(seconds))} s ago` : `${Math.floor(seconds / 60)} min ago`;
const clock = (at) => `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
const day = (at) => `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
const zone = (at) => {
  const minutes = -at.getTimezoneOffset(), size = Math.abs(minutes);
  return minutes === 0 ? 'Z' : `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
};
const zoneName = new Intl.DateTimeFormat('en', { timeZoneName: 'short' });
const named = (at) => zoneName.formatToParts(at).find((part) => part.type === 'timeZoneName').value;

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

// Views that show the service's state are fetched again.
async function refresh() {
  const main = document.querySelector('main[data-refresh]');
  const state = document.querySelector('#state');
  try {
    const answer = await fetch(location.href, { cache: 'no-store' });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const busy = main && (main.contains(document.activeElement) || !getSelection().isCollapsed);
    if (main && !busy) main.replaceChildren(...page.querySelector('main').childNodes);
    state.replaceWith(page.querySelector('#state'));
    document.title = page.title;
    times();
  } catch {
    state.className = 'state bad';
    state.textContent = '▲ This page cannot reach meterline';
  }
}

times();
setInterval(times, 1000);
const seconds = Number(document.querySelector('main[data-refresh]')?.dataset.refresh);
if (seconds) setInterval(refresh, seconds * 1000);
