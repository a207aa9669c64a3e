// <x-sheet>: a grid of inputs like a spreadsheet's. Cells pasted from one fill to the right and down, lines are added
// as needed; Enter and the arrow keys walk through a column. Without it every button still works by the server.
import { $, $$, toast } from './dom.js';

const shown = input => input.offsetParent !== null;
const key = input => input.name.replace(/-(\d+|__n__)(?=-|$)/, '-');

customElements.define('x-sheet', class extends HTMLElement {
  connectedCallback() {
    this.addEventListener('paste', event => this.paste(event));
    this.addEventListener('keydown', event => this.key(event));
    this.addEventListener('click', event => this.click(event));
  }

  lines() {
    return $$('tr[data-crm-line]', this);
  }

  inputs(line) {
    return $$('td:not(.gone) :is(input, select)', line);
  }

  add() {
    const last = Math.max(-1, ...this.lines().map(line => Number(/-(\d+)/.exec($('[name]', line).name)[1])));
    const line = $('template', this).content.firstElementChild.cloneNode(true);
    for (const item of [line, ...$$('*', line)]) {
      for (const each of [...item.attributes]) {
        if (each.value.includes('__n__')) item.setAttribute(each.name, each.value.replaceAll('__n__', last + 1));
      }
    }
    $('tbody', this).append(line);
    return line;
  }

  click(event) {
    if (event.target.closest('[data-crm-add-line]')) {
      event.preventDefault();
      $('select, input', this.add()).focus();
    } else if (event.target.closest('[data-crm-remove-line]')) {
      event.preventDefault();
      const line = event.target.closest('tr');
      const next = line.nextElementSibling ?? line.previousElementSibling ?? this.add();
      line.remove();
      $('select, input', next)?.focus();
      this.said();
    }
  }

  key(event) {
    const input = event.target.closest('tr[data-crm-line] :is(input[type=text], select)');
    if (!input || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const down = event.key === 'Enter' || event.key === 'ArrowDown';
    if (!down && event.key !== 'ArrowUp') return;
    if (input.matches('select, [list]') && event.key !== 'Enter') return; // these use the arrow keys themselves
    event.preventDefault();
    const lines = this.lines();
    const at = lines.indexOf(input.closest('tr')) + (down ? 1 : -1);
    const line = lines[at] ?? (event.key === 'Enter' ? this.add() : null);
    if (line) this.inputs(line).find(each => key(each) === key(input))?.focus();
  }

  paste(event) {
    const first = event.target.closest('tr[data-crm-line] :is(input[type=text], select)');
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (!first || !/[\t\n\r]/.test(text.trimEnd())) return;
    event.preventDefault();
    let unfit = false;
    let line = first.closest('tr');
    for (const row of text.replace(/[\r\n]+$/, '').split(/\r\n|\n|\r/)) {
      line ??= this.add();
      const fits = this.fill(line, first, row.split('\t'));
      unfit ||= !fits;
      line = line.nextElementSibling;
    }
    if (unfit) toast(this.dataset.unfit);
    this.said();
  }

  /** Put the cells of one row into a line, from where the paste began on: own rates, or those of one level. */
  fill(line, first, cells) {
    const level = /^cell-\d+-(\d+)-/.exec(first.name)?.[1] ?? '0';
    const boxes = this.inputs(line).filter(each => (/^cell-\d+-(\d+)-/.exec(each.name)?.[1] ?? '0') === level);
    boxes.splice(0, boxes.findIndex(each => key(each) === key(first)));
    let rest = cells;
    for (const box of boxes) {
      if (!rest.length) return true;
      if (!shown(box)) continue;
      this.put(box, rest[0].trim());
      rest = rest.slice(1);
    }
    return !rest.some(each => each.trim());
  }

  /** Selects take a value or its words; a percent sign behind a figure goes. */
  put(box, text) {
    if (box.type === 'checkbox') box.checked = !['', '0', 'no', 'false'].includes(text.toLowerCase());
    else if (box.tagName !== 'SELECT') box.value = box.name.startsWith('cell-') ? text.replace(/\s*%$/, '') : text;
    else {
      const found = [...box.options].find(option => [option.value, option.text].some(each => each.toLowerCase() === text.toLowerCase()));
      if (found) box.value = found.value;
    }
  }

  /** Let the form know that something was typed: it keeps the draft. */
  said() {
    this.dispatchEvent(new Event('input', { bubbles: true }));
  }
});
