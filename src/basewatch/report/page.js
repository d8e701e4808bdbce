(() => {
  'use strict';
  const value = (row, n) => {
    const cell = row.cells[n];
    return (cell.dataset.value ?? cell.textContent).trim();
  };
  const sort = (table, heads, n) => {
    const head = heads[n], down = head.getAttribute('aria-sort') === 'ascending', body = table.tBodies[0];
    const rows = [...body.rows].map(row => [value(row, n), row]);
    const numeric = rows.every(([text]) => text === '–' || text === '' || !isNaN(Number(text)));
    rows.sort(([a], [b]) => {
      const gone = (a === '–' || a === '') - (b === '–' || b === '');
      return gone || (down ? -1 : 1) * (numeric ? Number(a) - Number(b) : a.localeCompare(b));
    });
    heads.forEach(one => one.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll('table.sortable')) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, n) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      button.addEventListener('click', () => sort(table, heads, n));
      head.append(button);
    });
  }
  for (const bar of document.querySelectorAll('.filters')) {
    const rows = [...document.getElementById(bar.dataset.table).tBodies[0].rows];
    const told = bar.querySelector('output'), fields = [...bar.querySelectorAll('input, select')];
    const show = () => {
      let left = 0;
      for (const row of rows) {
        const fits = fields.every(field => {
          const wanted = field.value.trim().toLowerCase();
          const text = field.name === 'text' ? row.textContent : ` ${row.dataset[field.name]} `;
          return !wanted || text.toLowerCase().includes(field.name === 'text' ? wanted : ` ${wanted} `);
        });
        row.hidden = !fits;
        left += fits;
      }
      told.textContent = `${left} of ${rows.length} visits shown`;
    };
    fields.forEach(field => field.addEventListener('input', show));
    bar.hidden = false;
    show();
  }
  for (const button of document.querySelectorAll('button[data-copies]')) {
    const text = document.getElementById(button.dataset.copies);
    button.hidden = false;
    button.addEventListener('click', () => {
      text.select();
      const done = () => { button.textContent = 'Copied'; };
      if (navigator.clipboard) {
        navigator.clipboard.writeText(text.value).then(done, () => document.execCommand('copy') && done());
      } else if (document.execCommand('copy')) {
        done();
      }
    });
  }
  for (const part of document.querySelectorAll('.scroll.middle')) {
    part.scrollLeft = (part.scrollWidth - part.clientWidth) / 2;
  }
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = target; part; part = part.parentElement) {
      if (part.tagName === 'DETAILS') part.open = true;
    }
  };
  addEventListener('hashchange', open);
  open();
})();
