// Delegated behaviours by data-*: HTML swapped in by htmx works without being initialised again.
import { $, $$, toast } from './dom.js';

const theme = () => document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

const CLICKS = {
  copy(button) {
    navigator.clipboard?.writeText(button.dataset.copy).then(() => toast(document.body.dataset.copied));
  },
  toggle(button) {
    const part = $(button.dataset.toggle);
    part.hidden = !part.hidden;
    button.setAttribute('aria-expanded', String(!part.hidden));
  },
  tab(button) {
    for (const other of $$('[data-tab]', button.parentNode)) {
      other.setAttribute('aria-selected', String(other === button));
      $('#' + other.getAttribute('aria-controls')).hidden = other !== button;
    }
  },
  dialog(button) {
    $(button.dataset.dialog).showModal();
  },
  close(button) {
    button.closest('dialog').close();
  },
  'theme-toggle'() {
    const next = theme() === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    document.cookie = `theme=${next};path=/;max-age=31536000;samesite=lax`;
  },
};

document.addEventListener('click', event => {
  for (const [name, act] of Object.entries(CLICKS)) {
    const button = event.target.closest(`[data-${name}]`);
    if (button && button.matches('button, a')) return act(button);
  }
  if (event.target.matches('dialog.dlg')) event.target.close(); // a click on the backdrop
});

document.addEventListener('change', event => {
  if (event.target.matches('[data-autosubmit]')) event.target.form.requestSubmit();
});

// A dialog that came back with errors (422) is shown again.
addEventListener('htmx:after:swap', () => $$('dialog[data-open]:not([open])').forEach(dialog => dialog.showModal()));
