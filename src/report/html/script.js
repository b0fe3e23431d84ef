(function () {
  'use strict';
  document.querySelectorAll('time[data-age]').forEach(function (time) {
    var hours = (Date.now() - Date.parse(time.dateTime)) / 3600000;
    if (!(hours >= 1)) return;
    var age = hours < 2 ? '1 hour' : hours < 48 ? Math.floor(hours) + ' hours' : Math.floor(hours / 24) + ' days';
    time.insertAdjacentText('afterend', ' (' + age + ' before this page was opened)');
  });
  var table = document.getElementById('rows');
  if (!table || !table.tBodies.length) return;
  var body = table.tBodies[0];
  var portion = body.rows.length;
  var rows = Array.prototype.map.call(table.querySelectorAll('tbody tr'), function (row, place) {
    return {row: row, place: place, value: null, text: null};
  });
  if (rows.length < 2) return;
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var status = document.getElementById('found');
  var input = document.getElementById('search');
  var rest = document.getElementById('rest');
  var box = table.parentNode;
  var collator = new Intl.Collator('en', {numeric: true});
  var sorted = {column: -1, way: 0};
  var order = rows;
  var wanted = '';
  var found = rows;
  var drawn = portion;

  // Thousands of rows at once are slow to lay out: the table has a portion of them, and more come as they are scrolled to.
  while (table.tBodies.length > 1) table.removeChild(table.tBodies[1]);

  function grouped(number) { return number.toLocaleString('en'); }

  function drawTo(end) {
    var fragment = document.createDocumentFragment();
    end = Math.min(end, found.length);
    for (; drawn < end; drawn += 1) fragment.appendChild(found[drawn].row);
    body.appendChild(fragment);
    tell();
  }

  function draw(end) {
    body.textContent = '';
    drawn = 0;
    drawTo(end);
  }

  function tell() {
    status.textContent = wanted === '' ? '' : grouped(found.length) + ' of ' + grouped(rows.length) + ' rows';
    rest.hidden = drawn >= found.length;
    rest.firstChild.textContent = grouped(drawn) + ' of ' + grouped(found.length) + ' rows are drawn; more come with scrolling. ';
  }

  function value(row, column, isNumber) {
    var cell = row.cells[column];
    var text = cell.dataset.number || cell.textContent;
    if (text === '') return null;
    if (!isNumber) return text;
    var number = parseFloat(text.replace(/,/g, ''));
    return isNaN(number) ? null : number;
  }

  function sort(column) {
    var isNumber = heads[column].classList.contains('n');
    var first = isNumber ? -1 : 1;
    var way = first;
    if (sorted.column === column) way = sorted.way === first ? -first : 0;
    sorted = {column: column, way: way};
    order = rows;
    if (way !== 0) {
      rows.forEach(function (entry) { entry.value = value(entry.row, column, isNumber); });
      order = rows.slice().sort(function (a, b) {
        if (a.value === null || b.value === null) {
          return a.value === b.value ? a.place - b.place : a.value === null ? 1 : -1;
        }
        var by = isNumber ? a.value - b.value : collator.compare(a.value, b.value);
        return by * way || a.place - b.place;
      });
    }
    heads.forEach(function (head, place) {
      if (place === column && way !== 0) head.setAttribute('aria-sort', way > 0 ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    });
    choose();
  }

  function text(entry) {
    if (entry.text === null) {
      entry.text = Array.prototype.map.call(entry.row.cells, function (cell) { return cell.textContent; }).join('\n').toLowerCase();
    }
    return entry.text;
  }

  function choose() {
    found = wanted === '' ? order : order.filter(function (entry) { return text(entry).indexOf(wanted) >= 0; });
    box.scrollTop = 0;
    draw(portion);
  }

  function search() {
    wanted = input.value.trim().toLowerCase();
    choose();
  }

  var buttons = heads.map(function (head, column) {
    var button = document.createElement('button');
    button.type = 'button';
    button.title = 'Sort by this column';
    while (head.firstChild) button.appendChild(head.firstChild);
    head.appendChild(button);
    button.addEventListener('click', function () { sort(column); });
    return button;
  });
  var waiting = 0;
  input.addEventListener('input', function () {
    clearTimeout(waiting);
    waiting = setTimeout(search, 120);
  });
  box.addEventListener('scroll', function () {
    if (drawn < found.length && box.scrollTop + 2 * box.clientHeight > box.scrollHeight) drawTo(drawn + portion);
  });
  rest.querySelector('button').addEventListener('click', function () { drawTo(found.length); });
  // On paper are all rows; and a heading that has a button is not repeated there on every page.
  window.addEventListener('beforeprint', function () {
    drawTo(found.length);
    heads.forEach(function (head, place) { head.textContent = buttons[place].textContent; });
  });
  window.addEventListener('afterprint', function () {
    heads.forEach(function (head, place) { head.replaceChildren(buttons[place]); });
    draw(portion);
  });
  document.getElementById('tools').hidden = false;
  tell();
})();
