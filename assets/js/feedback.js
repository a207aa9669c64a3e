// What the person sees while something happens: loading bar after 150 ms, toasts, relative times.
import { $, $$, toast } from './dom.js';

const bar = $('#loadbar');
let inFlight = 0;
let showSoon;

// What refreshes itself shows no bar: nobody asked for it.
const isAsked = ({ detail }) => !detail.ctx.request.headers['Keel-Background'];

addEventListener('htmx:before:request', event => {
  if (isAsked(event) && inFlight++ === 0) showSoon = setTimeout(() => { bar.className = 'loadbar on'; }, 150);
});
addEventListener('htmx:finally:request', event => {
  if (!isAsked(event)) return;
  inFlight = Math.max(0, inFlight - 1);
  if (inFlight) return;
  clearTimeout(showSoon);
  if (!bar.classList.contains('on')) return;
  bar.className = 'loadbar done';
  setTimeout(() => { bar.className = 'loadbar'; }, 400);
});
addEventListener('htmx:error', event => {
  event.target.closest?.('tr[aria-expanded=true]')?.setAttribute('aria-expanded', 'false');
  toast(document.body.dataset.offline);
});

// Toasts leave by themselves and stay while hovered or focused.
const seen = new WeakSet();
function leaveLater(item) {
  if (seen.has(item)) return;
  seen.add(item);
  const leave = () => (item.matches(':hover, :focus-within') ? setTimeout(leave, 1500) : item.remove());
  setTimeout(leave, Number(item.dataset.toast));
}
const tidy = () => $$('[data-toast]').forEach(leaveLater);
new MutationObserver(tidy).observe($('#toasts'), { childList: true });
tidy();

// <time data-ago datetime="…">: CLDR words from the browser, nothing to translate.
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'auto', style: 'short' });
const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
function age(element) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(element.dateTime)) / 1000));
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? UNITS[3];
  element.textContent = words.format(-Math.floor(seconds / size), unit);
}
const ages = () => $$('time[data-ago]').forEach(age);
ages();
addEventListener('htmx:after:swap', ages);
setInterval(ages, 5000);
