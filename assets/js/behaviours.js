// Delegated behaviours by data-crm-*: HTML swapped in by htmx works without being initialised again.
import { $, $$, toast } from './dom.js';

const theme = () => document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

const CLICKS = {
  copy(button) {
    navigator.clipboard?.writeText(button.dataset.crmCopy).then(() => toast(document.body.dataset.copied));
  },
  toggle(button) {
    const part = $(button.dataset.crmToggle);
    part.hidden = !part.hidden;
    button.setAttribute('aria-expanded', String(!part.hidden));
  },
  dialog(button) {
    $(button.dataset.crmDialog).showModal();
  },
  close(button) {
    button.closest('dialog').close();
  },
  theme() {
    const next = theme() === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    document.cookie = `theme=${next};path=/;max-age=31536000;samesite=lax`;
  },
};

document.addEventListener('click', event => {
  for (const [name, act] of Object.entries(CLICKS)) {
    const button = event.target.closest(`[data-crm-${name}]`);
    if (button) return act(button);
  }
  if (event.target.matches('dialog.dlg')) event.target.close(); // a click on the backdrop
});

// Ctrl+K (or ⌘K) presses the button that carries data-crm-key="k".
document.addEventListener('keydown', event => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  const button = $(`[data-crm-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
