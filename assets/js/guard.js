// htmx under a strict policy: Trusted Types, no eval, the CSRF header on every unsafe request.
import { $ } from './dom.js';

const policy = window.trustedTypes?.createPolicy('htmx', { createHTML: html => html, createScript: () => '' });

function NoEval() {
  throw new Error('eval is off: use a data-* behaviour');
}

htmx.registerExtension('guard', {
  init(api) {
    api.initSecurity?.(policy, NoEval, NoEval);
  },
  htmx_config_request(element, { ctx }) {
    const { request } = ctx;
    if (request.method && request.method !== 'GET') request.headers['X-CSRFToken'] = $('meta[name=csrf-token]').content;
  },
});
