// The one front-end build: icon sprite (used icons only), fonts, htmx, JS (esbuild), CSS (Tailwind). Output: static/build/ (git-ignored).
// `--watch` builds again whenever a template, a Python file that writes markup, or an asset changes.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OUT = 'static/build';
const PYTHON = ['ui', 'portal', 'backoffice'].filter(existsSync);
const HTMX = { 'htmx.min.js': 'htmx.js', 'ext/hx-ptag.min.js': 'hx-ptag.js' };

const files = folder => readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
  entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]);

/** Names in templates ({% icon "name" %}, icon="name"), in Python (icon="name", ICON = "name") and in assets/icons.txt. */
function iconNames() {
  const names = new Set(readFileSync('assets/icons.txt', 'utf8').split(/\s+/).filter(Boolean));
  const sources = [...files('templates').filter(f => f.endsWith('.html')), ...PYTHON.flatMap(files).filter(f => f.endsWith('.py'))];
  for (const file of sources) {
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/(?:{%\s*icon\s+"|icon="|ICON = ")([a-z0-9-]+)"/g)) names.add(name);
  }
  return [...names].sort();
}

function symbol(name) {
  const path = ['outline', 'filled'].map(kind => `node_modules/@tabler/icons/icons/${kind}/${name}.svg`).find(existsSync);
  if (!path) throw new Error(`There is no icon "${name}" in @tabler/icons.`);
  const body = readFileSync(path, 'utf8').replace(/<!--[^]*?-->/g, '').replace(/^[^]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '').replace(/\s*\n\s*/g, '');
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
}

function stylesheet() {
  const { bin } = JSON.parse(readFileSync('node_modules/@tailwindcss/cli/package.json', 'utf8'));
  const cli = join('node_modules/@tailwindcss/cli', typeof bin === 'string' ? bin : bin.tailwindcss);
  execFileSync(process.execPath, [cli, '-i', 'assets/css/app.css', '-o', `${OUT}/app.css`, '--minify'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function buildAll() {
  const names = iconNames();
  const sprite = names.map(symbol).join('');
  mkdirSync(`${OUT}/fonts`, { recursive: true });
  writeFileSync(`${OUT}/icons.svg`, `<svg xmlns="http://www.w3.org/2000/svg">${sprite}</svg>`);
  for (const subset of ['latin', 'latin-ext']) {
    cpSync(`node_modules/@fontsource-variable/inter/files/inter-${subset}-wght-normal.woff2`, `${OUT}/fonts/inter-${subset}.woff2`);
  }
  for (const [from, to] of Object.entries(HTMX)) {
    writeFileSync(`${OUT}/${to}`, readFileSync(`node_modules/htmx.org/dist/${from}`, 'utf8').replace(/\/\/# sourceMappingURL=.*/, ''));
  }
  await build({ entryPoints: ['assets/js/app.js'], bundle: true, minify: true, format: 'esm', outdir: OUT, target: 'es2023', logLevel: 'warning' });
  stylesheet();
  console.log(`built ${OUT}: ${names.length} icons`);
}

if (!process.argv.includes('--watch')) rmSync(OUT, { recursive: true, force: true });
await buildAll();
if (process.argv.includes('--watch')) {
  let soon;
  const again = () => { clearTimeout(soon); soon = setTimeout(() => buildAll().catch(error => console.error(error.message)), 100); };
  for (const folder of ['templates', 'assets', ...PYTHON]) watch(folder, { recursive: true }, again);
}
