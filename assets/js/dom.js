// The two look-ups and the toast that every module here shares.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Show one short sentence; it leaves by itself. Words come from data-* attributes of <body>, so they are translated on the server. */
export function toast(text) {
  const item = document.createElement('div');
  item.className = 'toast-i';
  item.dataset.toast = '5000';
  item.textContent = text;
  $('#toasts').replaceChildren(item);
}
