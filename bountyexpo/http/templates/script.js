// What the reference pages can do beyond being read: search, copy, links that open, calls.
"use strict";

const $ = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const TOKEN = "bountyexpo.token";

function search(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll(".item")) {
    const text = item.textContent.toLowerCase();
    item.hidden = !wanted.every((word) => text.includes(word));
  }
  for (const group of document.querySelectorAll("section, .wide")) {
    const items = [...group.querySelectorAll(".item")];
    group.hidden = items.length > 0 && items.every((item) => item.hidden);
  }
  scrollTo(0, 0);
}

function addSearch() {
  const box = document.getElementById("search");
  box.hidden = false;
  box.addEventListener("input", () => search(box.value));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    box.focus();
  });
}

async function copy(text, button) {
  // Without TLS a browser has no clipboard, except for its own machine.
  const told = await navigator.clipboard?.writeText(text).then(() => "Copied", () => null);
  const label = button.textContent;
  button.textContent = told ?? "Not allowed";
  setTimeout(() => { button.textContent = label; }, 1500);
}

function addCopying() {
  for (const block of document.querySelectorAll("pre")) {
    const text = block.textContent;
    const button = $("button", { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", () => copy(text, button));
    block.append(button);
  }
}

function openLinked() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

function addLinks() {
  for (const entry of document.querySelectorAll("details")) {
    entry.querySelector("summary").append(
      $("a", { href: `#${entry.id}`, className: "link", textContent: "#", title: "Link to this" }),
    );
  }
  addEventListener("hashchange", openLinked);
  openLinked();
}

function addToken() {
  const box = document.getElementById("token");
  if (!box) return;
  box.value = sessionStorage.getItem(TOKEN) ?? "";
  box.addEventListener("input", () => sessionStorage.setItem(TOKEN, box.value.trim()));
  box.closest("label").hidden = false;
}

function inputsOf(fields, place, example) {
  return fields.filter((field) => field.place === place).map(({ name, required }) => {
    const value = example[name] ?? "";
    const input = $("input", { name, required, value, autocomplete: "off" });
    return $("label", {}, $("code", { textContent: name }), input);
  });
}

function formOf(entry) {
  const fields = [...entry.querySelectorAll("[data-name]")].map(({ dataset }) => ({
    name: dataset.name, place: dataset.place, required: dataset.required === "yes",
  }));
  const example = JSON.parse(entry.dataset.example);
  const form = $("form", {}, ...inputsOf(fields, "path", example));
  form.append(...inputsOf(fields, "query", example));
  const inBody = fields.filter((field) => field.place === "body").map((field) => field.name);
  if (inBody.length) {
    const given = Object.fromEntries(
      Object.entries(example).filter(([name]) => inBody.includes(name)),
    );
    const value = JSON.stringify(given, null, 2);
    form.append($("textarea", { name: "body", value, rows: value.split("\n").length + 1 }));
  }
  const reply = $("pre", { hidden: true });
  form.append($("button", { textContent: "Try it" }), reply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(entry, fields, form, reply);
  });
  return form;
}

function requestOf(entry, fields, form) {
  const query = new URLSearchParams();
  let path = entry.dataset.path;
  for (const { name, place } of fields.filter((field) => field.place !== "body")) {
    const value = form.elements[name].value;
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value) query.append(name, value);
  }
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.authorization = `Bearer ${token}`;
  const body = form.elements.body?.value;
  if (body) headers["content-type"] = "application/json";
  const url = query.size ? `${path}?${query}` : path;
  return [new URL(url, location.origin), { method: entry.dataset.method, headers, body }];
}

async function send(entry, fields, form, reply) {
  reply.hidden = false;
  reply.textContent = "…";
  try {
    const response = await fetch(...requestOf(entry, fields, form));
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type"));
    const shown = isJson ? JSON.stringify(JSON.parse(text), null, 2) : text;
    reply.textContent = `${response.status} ${response.statusText}\n${shown}`;
  } catch (error) {
    reply.textContent = `No answer: ${error.message}`;
  }
}

function addTrying() {
  for (const entry of document.querySelectorAll("details[data-method]")) {
    entry.addEventListener("toggle", () => {
      if (!entry.querySelector("form")) entry.querySelector(".inside").append(formOf(entry));
    });
  }
}

for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
addSearch();
addCopying();
addToken();
addTrying();
addLinks();
