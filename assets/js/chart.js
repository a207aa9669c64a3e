// <x-chart> around a server-drawn SVG: a tooltip from each column's data-tip ("day|total|name=value|…"), by pointer.
import { $ } from './dom.js';

function line(label, value, mark) {
  const row = document.createElement('div');
  row.className = 'flex items-center gap-2 ' + (mark ? 'text-muted' : 'font-semibold');
  if (mark) {
    const swatch = document.createElement('i');
    swatch.className = mark + ' size-2 rounded-xs';
    row.append(swatch);
  }
  const left = document.createElement('span');
  left.textContent = label;
  const right = document.createElement('span');
  right.className = 'ml-auto num pl-3 text-base-content';
  right.textContent = value;
  row.append(left, right);
  return row;
}

function tooltip(text) {
  const [day, total, ...parts] = text.split('|');
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.append(line(day, ''), line(total, ''));
  parts.forEach((part, i) => tip.append(line(...part.split('='), 's' + (i + 1))));
  return tip;
}

customElements.define('x-chart', class extends HTMLElement {
  connectedCallback() {
    this.addEventListener('pointermove', event => this.show(event));
    this.addEventListener('pointerleave', () => this.hide());
  }

  hide() {
    this.tip?.remove();
    this.tip = null;
    $('.col.on', this)?.classList.remove('on');
  }

  show(event) {
    const column = event.target.closest('.col');
    if (!column) return this.hide();
    if (!column.classList.contains('on')) {
      this.hide();
      column.classList.add('on');
      this.tip = tooltip(column.dataset.tip);
      this.append(this.tip);
    }
    const box = this.getBoundingClientRect();
    const width = this.tip.offsetWidth;
    const x = event.clientX - box.left;
    const left = x > box.width / 2 ? x - width - 14 : x + 14;
    this.tip.style.transform = `translate(${Math.max(0, Math.min(box.width - width, left))}px, 12px)`;
  }
});
