(function () {
  'use strict';
  document.querySelectorAll('time[data-age]').forEach(function (time) {
    var hours = (Date.now() - Date.parse(time.dateTime)) / 3600000;
    if (!(hours >= 1)) return;
    var age = hours < 48 ? Math.floor(hours) + ' hours' : Math.floor(hours / 24) + ' days';
    time.insertAdjacentText('afterend', ' (' + age + ' before this page was opened)');
  });
  var table = document.getElementById('rows');
  if (!table || !table.tBodies.length) return;
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var status = document.getElementById('found');
  var input = document.getElementById('search');
  var collator = new Intl.Collator('en', {numeric: true});
  var sorted = {column: -1, way: 0};

  function value(row, column, isNumber) {
    var text = row.cells[column].textContent;
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
    var order = rows;
    if (way !== 0) {
      order = rows.map(function (row, place) {
        return {row: row, place: place, value: value(row, column, isNumber)};
      }).sort(function (a, b) {
        if (a.value === null || b.value === null) {
          return a.value === b.value ? a.place - b.place : a.value === null ? 1 : -1;
        }
        var by = isNumber ? a.value - b.value : collator.compare(a.value, b.value);
        return by * way || a.place - b.place;
      }).map(function (entry) { return entry.row; });
    }
    var fragment = document.createDocumentFragment();
    order.forEach(function (row) { fragment.appendChild(row); });
    body.appendChild(fragment);
    heads.forEach(function (head, place) {
      if (place === column && way !== 0) head.setAttribute('aria-sort', way > 0 ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    });
  }

  heads.forEach(function (head, column) {
    var button = document.createElement('button');
    button.type = 'button';
    button.title = 'Sort by this column';
    while (head.firstChild) button.appendChild(head.firstChild);
    head.appendChild(button);
    button.addEventListener('click', function () { sort(column); });
  });

  var texts = null;
  function search() {
    if (!texts) texts = rows.map(function (row) {
      return Array.prototype.map.call(row.cells, function (cell) { return cell.textContent; }).join('\n').toLowerCase();
    });
    var wanted = input.value.trim().toLowerCase();
    var found = 0;
    rows.forEach(function (row, place) {
      var shown = texts[place].indexOf(wanted) >= 0;
      row.hidden = !shown;
      if (shown) found += 1;
    });
    status.textContent = wanted === '' ? '' : found.toLocaleString('en') + ' of ' + rows.length.toLocaleString('en') + ' rows';
  }
  var waiting = 0;
  input.addEventListener('input', function () {
    clearTimeout(waiting);
    waiting = setTimeout(search, 120);
  });
  document.getElementById('tools').hidden = false;
})();
