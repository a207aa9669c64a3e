// <x-treegrid>: a table whose rows open to children loaded by htmx (event tree-load on .tw), worked by mouse and by arrow keys.
import { $, $$ } from './dom.js';

const level = row => Number(row.dataset.level);

customElements.define('x-treegrid', class extends HTMLElement {
  connectedCallback() {
    this.addEventListener('click', event => {
      const button = event.target.closest('.tw');
      if (button) this.flip(button.closest('tr'));
    });
    this.addEventListener('keydown', event => this.key(event));
  }

  below(row) {
    const rows = [];
    for (let next = row.nextElementSibling; next && level(next) > level(row); next = next.nextElementSibling) rows.push(next);
    return rows;
  }

  flip(row) {
    if (!row.hasAttribute('aria-expanded')) return;
    const open = row.getAttribute('aria-expanded') === 'true';
    row.setAttribute('aria-expanded', String(!open));
    const rows = this.below(row);
    if (open) rows.forEach(child => { child.hidden = true; });
    else if (rows.length) this.reveal(rows);
    else $('.tw', row).dispatchEvent(new Event('tree-load'));
  }

  /** Show loaded children again, but not those below a row that is itself closed. */
  reveal(rows) {
    let closedAt = Infinity;
    for (const row of rows) {
      if (level(row) > closedAt) continue;
      closedAt = row.getAttribute('aria-expanded') === 'false' ? level(row) : Infinity;
      row.hidden = false;
    }
  }

  key(event) {
    const row = event.target.closest('tbody tr');
    if (!row) return;
    const rows = $$('tbody tr:not([hidden])', this);
    const at = rows.indexOf(row);
    const moves = {
      ArrowDown: () => rows[at + 1],
      ArrowUp: () => rows[at - 1],
      Home: () => rows[0],
      End: () => rows.at(-1),
      ArrowRight: () => (row.getAttribute('aria-expanded') === 'true' ? rows[at + 1] : this.flip(row)),
      ArrowLeft: () => (row.getAttribute('aria-expanded') === 'true' ? this.flip(row) : rows.slice(0, at).findLast(other => level(other) < level(row))),
      Enter: () => (event.target === row ? $('a, button', row)?.click() : undefined),
    };
    if (!(event.key in moves) || (event.key === 'Enter' && event.target !== row)) return;
    event.preventDefault();
    const to = moves[event.key]();
    if (!to) return;
    row.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }
});
