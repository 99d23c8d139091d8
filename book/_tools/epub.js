// One built page for an e-reader: without what needs a script, folds as folds, solutions at its end, formulas as
// MathML. `kept` are the names of all pages of the book, to which alone links may lead.
async ([name, kept]) => {
  const text = await (await fetch(`/${name}.html`)).text();
  const page = new DOMParser().parseFromString(text, 'text/html');
  const body = page.querySelector('article');
  const all = (what) => [...body.querySelectorAll(what)];
  const make = (tag, className, ...inside) => {
    const node = Object.assign(page.createElement(tag), { className });
    node.append(...inside);
    return node;
  };
  all('select').forEach((gap) => gap.replaceWith(  // of the code to put in order
    `[${[...gap.options].slice(1).map((option) => option.text).join(' | ')}]`));
  all('script, style, form, button, aside, .deck, .headerlink, .parsons > p, .expanded, template, [hidden]')
    .forEach((node) => node.remove());
  all('fading-explorer, moving-curve, a.number').forEach((node) => node.replaceWith(...node.childNodes));
  all('.solution').forEach((node, k) => {
    if (k === 0) body.append(make('h2', 'solutions', 'Solutions'));
    node.classList.remove('dropdown');
    body.append(node);
    const back = node.querySelector('.admonition-title a');
    const there = Object.assign(make('a', '', 'Solution'), { href: `#${node.id}` });
    page.getElementById(back.hash.slice(1)).append(make('p', '', there));
  });
  all('.dropdown').forEach((node) => {
    const title = node.querySelector('.admonition-title');
    title.replaceWith();
    node.replaceWith(make('details', 'fold', make('summary', '', ...title.childNodes), ...node.childNodes));
  });
  all('summary > p').forEach((node) => node.replaceWith(make('span', '', ...node.childNodes)));
  const long = (row) => row.cells.length > 6 || row.textContent.trim().replace(/\s+/g, ' ').length > 85;
  all('table.book-table').filter((table) => [...table.rows].some(long)).forEach((table) => table.classList.add('wide'));
  const ids = new Set();
  all('[id]').forEach((node) => {
    node.id = node.id.replaceAll('/', '-');
    if (ids.has(node.id)) node.removeAttribute('id');
    ids.add(node.id);
  });
  all('*').forEach((node) => [...node.attributes].forEach(({ name }) => {
    if (/^(role|tabindex|aria-.*|data-.*|border|style|align|valign|download)$/.test(name)) node.removeAttribute(name);
  }));
  all('a[href]').forEach((link) => {
    const { origin, pathname, hash, href } = new URL(link.getAttribute('href'), `${location.origin}/${name}.html`);
    const there = pathname.slice(1).replace(/\.html$/, '');
    if (origin !== location.origin) link.setAttribute('href', href);  // as the standard writes it
    else if (!kept.includes(there)) link.replaceWith(...link.childNodes);
    else link.setAttribute('href', `${'../'.repeat(name.split('/').length - 1)}${there}.xhtml${hash.replaceAll('/', '-')}`);
  });
  const failed = [];
  for (const place of all('.math')) {
    const number = place.querySelector('.eqno');
    number?.remove();
    const tex = place.textContent.trim().slice(2, -2).trim();
    place.innerHTML = await MathJax.tex2mmlPromise(tex, { display: place.matches('div') });
    // MathJax sets an unknown command in red and goes on
    if (place.querySelector('merror, [mathcolor=red]')) failed.push(tex);
    place.querySelectorAll('*').forEach((node) => Object.keys(node.dataset).forEach((key) => delete node.dataset[key]));
    place.querySelectorAll('mo').forEach((mark) => {  // ln 2 has a space that sin(x) has not
      if (mark.textContent === '\u2061' && !/^[([{]/.test(mark.nextElementSibling?.textContent)) mark.setAttribute('rspace', '.17em');
    });
    place.firstElementChild.setAttribute('alttext', tex);
    if (number) place.prepend(number);
  }
  const written = [...body.childNodes].map((node) => new XMLSerializer().serializeToString(node)).join('');
  return { written, failed, formulas: all('.math').length, title: body.querySelector('h1').textContent.trim() };
}
