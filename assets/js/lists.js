// Lists: tick all rows of a form, and walk with the arrow keys from a search field through the links that it found.
import { $, $$ } from './dom.js';

document.addEventListener('change', event => {
  if (!event.target.matches('[data-crm-check-all]')) return;
  for (const box of $$('tbody input[type=checkbox]', event.target.form)) box.checked = event.target.checked;
});

document.addEventListener('keydown', event => {
  const list = event.target.closest('[data-crm-options]');
  if (!list || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
  const stops = [$('input', list), ...$$('.opt', list)];
  const at = stops.indexOf(document.activeElement);
  event.preventDefault();
  stops[(at + (event.key === 'ArrowDown' ? 1 : stops.length - 1)) % stops.length].focus();
});
