"use strict";
const table = document.querySelector("table.all");
const body = table.tBodies[0];
const rows = Array.from(body.rows);
const number = (text) => {
  const value = parseFloat(text.replace(/\s/g, ""));
  return Number.isNaN(value) ? -Infinity : value;
};
const heads = Array.from(table.tHead.rows[0].cells);
heads.forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  const isText = ["Label", "Status"].includes(button.textContent);
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => (isText ? row.cells[column].textContent : number(row.cells[column].textContent));
    const compare = isText ? (a, b) => a[0].localeCompare(b[0]) : (a, b) => a[0] - b[0] || 0;
    const keyed = rows.map((row) => [key(row), row]).sort(compare);
    if (!up) keyed.reverse();
    body.append(...keyed.map(([, row]) => row));
  });
});
const find = document.querySelector(".find");
const input = find.querySelector("input");
const output = find.querySelector("output");
const names = rows.map((row) => row.cells[1].textContent.toLowerCase());
input.addEventListener("input", () => {
  const wanted = input.value.trim().toLowerCase();
  let found = 0;
  rows.forEach((row, i) => {
    row.hidden = !names[i].includes(wanted);
    found += row.hidden ? 0 : 1;
  });
  output.textContent = wanted ? `${found} of ${rows.length}` : "";
});
find.hidden = false;
