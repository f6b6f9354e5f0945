// What the form of a survey's page can do more where scripts run: show and hide at
// once, save by itself, keep the focus in rankings. The server decides everything
// again; without this file nothing is missing.
import { holds, number } from "./condition.js";
import "./idle.js";

const form = document.querySelector("form[data-survey]");

const parse = (json, otherwise) => (json ? JSON.parse(json) : otherwise);

// The texts of the form as the browser would send them; pictures wait for a button.
const fields = (action) => {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value == "string") body.append(name, value);
  body.set("s-aktion", action);
  return body;
};

const send = (action, more) => fetch(form.action, { method: "POST", body: fields(action), ...more });

// Values as the server reads them; what it would refuse is no value here.
const read = {
  number: ([s]) => (s ? Number(s.replace(/\s/g, "").replace(",", ".")) : undefined),
  date: ([s]) => s?.trim().replace(/^(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})$/, (_, d, m, y) => `${y}-${m.padStart(2, "0")}-${d.padStart(2, "0")}`),
  list: (all) => all,
  text: ([s]) => s?.trim(),
};

const collect = (item, values) => {
  const { item: code, kind } = item.dataset;
  const sent = {};
  for (const c of item.querySelectorAll("input, select, textarea")) {
    const own = c.name == code || c.name.startsWith(code + ".");
    if (!own || c.closest("[hidden]") || (/radio|checkbox/.test(c.type) && !c.checked) || c.value.startsWith("?") || !c.value.trim()) continue;
    (sent[c.name] ??= { kind: c.type == "text" && c.name != code ? "text" : kind, all: [] }).all.push(c.value);
  }
  for (const name in sent) values[name] = read[sent[name].kind](sent[name].all);
};

const show = (element, yes) => {
  element.hidden = !yes;
  for (const mark of element.querySelectorAll("[name=s-gezeigt]")) if (mark.closest("[data-show-if], [data-item]") == element) mark.disabled = !yes;
};

const route = () => {
  const values = parse(form.dataset.values, {});
  for (const item of form.querySelectorAll("[data-item]")) {
    const { showIf, formula, item: code } = item.dataset;
    const yes = holds(parse(showIf, null), values);
    if (formula) {
      if (yes) values[code] = number(parse(formula), values);
      continue;
    }
    if (showIf) show(item, yes);
    if (!yes || item.hidden) continue;
    for (const part of item.querySelectorAll("[data-show-if]")) show(part, holds(parse(part.dataset.showIf), values));
    collect(item, values);
  }
};

// An answer that stands alone takes the others away, and they it.
const alone = (box) => {
  const item = box.closest("[data-item]");
  const base = box.name.replace(/\?$/, "");
  if (!item) return;
  for (const other of item.querySelectorAll("input[type=checkbox]"))
    if (other != box && other.name.replace(/\?$/, "") == base && (box.hasAttribute("data-exclusive") || other.hasAttribute("data-exclusive"))) other.checked = false;
};

const typed = (field) => {
  const choice = field.closest(".choice")?.querySelector("input[type=radio], input[type=checkbox]");
  if (choice && field != choice && field.value.trim()) {
    choice.checked = true;
    alone(choice);
  } else if (field.value.trim()) for (const mark of form.querySelectorAll(`[name="${CSS.escape(field.name)}?"]`)) mark.checked = false;
};

const start = () => {
  const status = form.querySelector("[data-saved]");
  const trial = form.dataset.survey == "trial"; // nothing of it is stored
  let dirty = false, timer = 0;

  const save = async (more) => {
    clearTimeout(timer);
    timer = 0;
    if (!dirty || trial) return;
    dirty = false;
    const answer = await send("merken", more).catch(() => null);
    if (answer?.status == 204) status.textContent ||= status.dataset.saved;
    else dirty = answer === null;
  };
  const changed = (e) => {
    if (e.target.type == "checkbox" && e.target.checked) alone(e.target);
    if (/^(text|email|textarea)$/.test(e.target.type)) typed(e.target);
    route();
    dirty = true;
    timer ||= setTimeout(save, 4000);
  };
  form.addEventListener("input", changed);
  addEventListener("pagehide", () => save({ keepalive: true }));
  addEventListener("pageshow", route); // the browser may have filled in what was typed before

  for (const a of document.querySelectorAll("a[hreflang]"))
    a.addEventListener("click", async (e) => {
      if (!dirty || trial) return;
      e.preventDefault();
      await save();
      location.href = a.href;
    });

  form.addEventListener("submit", async (e) => {
    dirty = false;
    const box = e.submitter?.closest("[data-ranking]");
    if (!box) return;
    e.preventDefault();
    try {
      const page = new DOMParser().parseFromString(await (await send(e.submitter.value)).text(), "text/html");
      const fresh = page.getElementById(box.id);
      box.replaceWith(fresh);
      fresh.querySelector("[autofocus]").focus();
      status.textContent = fresh.querySelector("[role=status]").textContent;
      route();
    } catch {
      location.reload();
    }
  });
  route();
};

if (form) start();

// Pages of tablets have a script of their own.
if (document.querySelector("main :is([data-tablet], [data-tablet-outbox])")) import(document.querySelector("[data-tablet-script]").dataset.tabletScript);
if (document.querySelector("main [data-live]")) import(document.querySelector("[data-live-script]").dataset.liveScript);
