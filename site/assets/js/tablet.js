// A survey on a tablet at a counter, with or without a network. The page holds the
// whole questionnaire; what is finished waits in IndexedDB until the server has
// acknowledged it under an id that was made here, so that a lost answer of the server
// never makes a second response. Nothing here knows a time or who answered.
import { holds, number } from "./condition.js";

const home = document.querySelector("[data-tablet-outbox]");
const root = document.querySelector("[data-tablet]");
const setup = JSON.parse((root ?? home).dataset[root ? "tablet" : "tabletOutbox"]);
const say = (key, args = {}) => (setup.words[key] ?? key).replace(/\{(\w+)\}/g, (gap, name) => args[name] ?? gap);

// --- The outbox -------------------------------------------------------------

const database = new Promise((done, failed) => {
  const open = indexedDB.open("tablet", 1);
  open.onupgradeneeded = () => open.result.createObjectStore("outbox", { keyPath: "id" });
  open.onsuccess = () => done(open.result);
  open.onerror = () => failed(open.error);
});
database.catch(() => {});

// One transaction; it is over when it is on the disk.
const outbox = async (mode, what) => {
  const tx = (await database).transaction("outbox", mode, { durability: "strict" });
  const request = what(tx.objectStore("outbox"));
  return new Promise((done, failed) => {
    tx.oncomplete = () => done(request.result);
    tx.onabort = tx.onerror = () => failed(tx.error);
  });
};
const entries = () => outbox("readonly", (store) => store.getAll());

// Refusals that may pass: the survey opens again, the server has time again.
const passing = [403, 408, 409, 425, 429]; // 403: the pairing has ended, a new one lets the answers go

// send tries one response: "stored", "refused" or "later". Only an acknowledgement of
// ours counts: the sign-in page of a network in between does not.
const send = async (entry) => {
  try {
    const answer = await fetch(`/api/v1/surveys/${entry.survey}/responses/${entry.id}`, {
      method: "PUT", body: entry.body, headers: { "Content-Type": "application/json" }, redirect: "error", signal: AbortSignal.timeout(20000),
    });
    const type = answer.headers.get("Content-Type") ?? "";
    const said = /json/.test(type) ? await answer.json() : {};
    if (answer.ok && said.reference) return { what: "stored" };
    const reason = [said.title, said.detail, ...(said.errors ?? []).map((e) => `${e.pointer}: ${e.detail}`)].filter(Boolean).join(" – ");
    const final = type.startsWith("application/problem+json") && answer.status >= 400 && answer.status < 500 && !passing.includes(answer.status);
    return { what: final ? "refused" : "later", reason, status: answer.status };
  } catch {
    return { what: "later", reason: "" };
  }
};

let pause = 5000, timer = 0;

// flush sends what waits, in one tab at a time and in the order of the random ids.
const flush = () => navigator.locks.request("tablet-outbox", { ifAvailable: true }, async (lock) => {
  clearTimeout(timer);
  let unreached = false;
  if (lock) {
    for (const entry of await entries()) {
      if (entry.state == "refused") continue;
      const { what, reason, status } = await send(entry);
      if (what == "stored") await outbox("readwrite", (store) => store.delete(entry.id));
      else await outbox("readwrite", (store) => store.put({ ...entry, state: what == "refused" ? what : "waiting", reason }));
      if (what == "stored") await count();
      if (what == "later" && status != 409) {
        unreached = true;
        break;
      }
    }
    await count();
  }
  pause = unreached ? Math.min(pause * 2, 60000) : 5000;
  timer = setTimeout(flush, pause);
}).catch(() => (timer = setTimeout(flush, pause)));

const state = (root ?? home).querySelector("[data-state]");
const count = async () => {
  const all = await entries();
  const refused = all.filter((e) => e.state == "refused").length;
  const lines = [];
  if (all.length > refused) lines.push(say("waiting", { n: all.length - refused }));
  if (refused) lines.push(say("refused", { n: refused }));
  if (state.textContent != lines.join(" ")) state.textContent = lines.join(" ");
  (root ?? home).dataset.unsent = all.length - refused;
  (root ?? home).dataset.kept = refused;
  if (home) list(all);
};

addEventListener("online", () => flush());

// --- The page for staff -----------------------------------------------------

const button = (text, press) => {
  const b = document.createElement("button");
  b.type = "button";
  b.className = "button button-secondary";
  b.textContent = text;
  b.addEventListener("click", press);
  return b;
};

const list = (all) => {
  const ul = home.querySelector("[data-refused]");
  if (!ul) return;
  const refused = all.filter((e) => e.state == "refused");
  const reason = all.find((e) => e.state != "refused" && e.reason)?.reason;
  const p = home.querySelector("[data-reason]");
  p.hidden = !reason;
  p.textContent = reason ? `${say("reason")} ${reason}` : "";
  home.querySelector("[data-none]").hidden = refused.length > 0;
  ul.replaceChildren(...refused.map((entry) => {
    const li = document.createElement("li");
    const text = document.createElement("p");
    text.textContent = `${entry.survey}: ${entry.reason || say("unknown_reason")}`;
    const remove = button(say("delete"), async () => {
      await outbox("readwrite", (store) => store.delete(entry.id));
      await count();
    });
    remove.disabled = true;
    const row = document.createElement("p");
    row.className = "actions";
    row.append(
      button(say("again"), async () => {
        await outbox("readwrite", (store) => store.put({ ...entry, state: "waiting" }));
        await flush();
      }),
      button(say("save"), () => {
        const a = document.createElement("a");
        a.href = URL.createObjectURL(new Blob([entry.body], { type: "application/json" }));
        a.download = `${entry.survey}-${entry.id}.json`;
        a.click();
        remove.disabled = false;
      }),
      remove,
    );
    li.append(text, row);
    return li;
  }));
};

// --- Answers, read as content/survey reads them -------------------------------

const wrong = (code, args) => ({ problem: { code, args } });
const spoken = (n) => (setup.language == "en" ? String(n) : String(n).replace(".", ","));

const grouped = (s, separator) => {
  const parts = s.replace(/^[-+]/, "").split(separator);
  return parts.length > 1 && /^[1-9]\d{0,2}$/.test(parts[0]) && parts.slice(1).every((p) => /^\d{3}$/.test(p));
};

const readNumber = (text, unit) => {
  let s = text.replace(/−/g, "-").replace(/\s/g, "");
  unit = (unit ?? "").replace(/\s/g, "");
  if (unit && s.endsWith(unit)) s = s.slice(0, -unit.length);
  const dots = s.split(".").length - 1, commas = s.split(",").length - 1;
  if (dots && commas) {
    const [thousands, decimal] = s.lastIndexOf(".") > s.lastIndexOf(",") ? [",", "."] : [".", ","];
    if (!grouped(s.split(decimal)[0], thousands)) return wrong("not_number");
    s = s.replaceAll(thousands, "").replace(decimal, ".");
  } else if (dots > 1 && grouped(s, ".")) s = s.replaceAll(".", "");
  else if (commas > 1 && grouped(s, ",")) s = s.replaceAll(",", "");
  else if (dots + commas == 1 && (grouped(s, ".") || grouped(s, ","))) return wrong("ambiguous_number");
  else s = s.replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(s) ? { value: Number(s) } : wrong("not_number");
};

const acceptNumber = (it, n) => {
  const lowest = it.min ?? -1e15, highest = it.max ?? 1e15;
  if (it.integer && !Number.isInteger(n)) return wrong("not_integer");
  if (n < lowest) return wrong("too_small", { min: spoken(lowest) });
  if (n > highest) return wrong("too_large", { max: spoken(highest) });
  const steps = it.step ? (n - (it.min ?? 0)) / it.step : 0;
  if (Math.abs(steps - Math.round(steps)) > 1e-9 * Math.max(1, Math.abs(steps))) return wrong("not_step", { step: spoken(it.step) });
  return { value: n + 0 };
};

const two = (s) => s.padStart(2, "0");
const day = (iso) => new Intl.DateTimeFormat(setup.language == "en" ? "en-GB" : "de-DE", setup.language == "en"
  ? { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" } : { day: "2-digit", month: "2-digit", year: "numeric", timeZone: "UTC" }).format(new Date(iso + "T00:00Z"));

const outside = (it, s, show) =>
  it.earliest && s < it.earliest ? wrong("too_early", { min: show(it.earliest) }) : it.latest && s > it.latest ? wrong("too_late", { max: show(it.latest) }) : { value: s };

const readDate = (it, s) => {
  let m = s.trim().match(/^(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})$/);
  const [y, mo, d] = m ? [m[3], m[2], m[1]] : (m = s.trim().match(/^(\d{4})-(\d{1,2})-(\d{1,2})$/)) ? m.slice(1) : [];
  if (!m || y < 1900 || y > 2100) return wrong("not_date");
  const iso = `${y}-${two(mo)}-${two(d)}`, date = new Date(iso + "T00:00Z");
  return isNaN(date) || date.toISOString().slice(0, 10) != iso ? wrong("not_date") : outside(it, iso, day);
};

const readTime = (it, s) => {
  const m = s.trim().replace(/\s*Uhr$/, "").match(/^(\d{1,2})(?:[:.](\d{2})(?::[0-5]\d)?)?$/);
  return !m || m[1] > 23 || (m[2] ?? 0) > 59 ? wrong("not_time") : outside(it, `${two(m[1])}:${m[2] ?? "00"}`, (t) => t);
};

const readText = (it, s, limit) => {
  s = s.replace(/\r\n?/g, "\n").trim();
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd\ufdd0-\ufdef\ufffe\uffff]/.test(s) || (it.type != "long_text" && /[\n\t]/.test(s))) return wrong("not_text");
  return [...s].length > limit ? wrong("too_long", { max: limit }) : { value: s };
};

const readPoint = (s) => {
  const m = s.match(/^\s*([-+]?\d+(?:\.\d*)?)\s*,\s*([-+]?\d+(?:\.\d*)?)\s*$/);
  return !m || Math.abs(m[1]) > 90 || Math.abs(m[2]) > 180 ? wrong("not_point") : { value: `${Number(m[1]).toFixed(5)},${Number(m[2]).toFixed(5)}` };
};

const lists = ["multiple_choice", "matrix_multiple", "ranking"];

// accept applies the rules of one variable to what its fields hold.
const accept = (it, part, sent, answers) => {
  const possible = (it.options ?? []).filter((o) => holds(o.show_if, answers));
  if (lists.includes(it.type) && (!part || it.rows)) {
    const chosen = possible.filter((o) => sent.includes(o.code));
    const codes = it.type == "ranking" ? sent.filter((c) => chosen.some((o) => o.code == c)) : chosen.map((o) => o.code);
    const alone = it.type != "ranking" && chosen.some((o) => o.exclusive);
    if (!codes.length) return {};
    if (alone && codes.length > 1) return wrong("exclusive");
    if (!alone && codes.length < (it.min_choices ?? 0)) return wrong("too_few", { min: it.min_choices });
    if (it.max_choices && codes.length > it.max_choices) return wrong("too_many", { max: it.max_choices });
    return { value: codes };
  }
  const [s] = sent;
  if (part == "text" && !it.rows) return readText(it, s, it.max_length);
  if (it.type == "point" && part == "address") return readText(it, s, it.max_length);
  if (it.type == "point" && !part) return readPoint(s);
  switch (it.type) {
    case "scale": case "number": {
      const read = readNumber(s, it.unit);
      return read.problem ? read : acceptNumber(it, read.value);
    }
    case "date": return readDate(it, s);
    case "time": return readTime(it, s);
    case "email": {
      const mail = s.trim();
      return /^[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+$/.test(mail) && !/^\.|\.\.|\.@/.test(mail) && mail.length <= 254 ? { value: mail } : wrong("not_email");
    }
    case "text": case "long_text": case "street": return readText(it, s, it.max_length);
  }
  return possible.some((o) => o.code == s) ? { value: s } : {};
};

// read goes through the questionnaire as the server will.
const read = (form) => {
  const fields = new FormData(form);
  const answers = {};
  const variable = (page, it, key, part, required) => {
    const pressed = it.type == "scale" || (it.type != "point" && it.options);
    const sent = [];
    let mark = "";
    for (const s of fields.getAll(key)) {
      if (pressed && /^\?./.test(s)) mark = s.slice(1);
      else if (s.trim()) sent.push(s);
    }
    for (const s of fields.getAll(key + "?")) mark ||= s;
    let { value, problem } = sent.length ? accept(it, part, sent, answers) : {};
    if (!problem && mark && value !== undefined) problem = { code: "mark_and_answer" };
    if (!problem && !mark && value === undefined && required) problem = { code: "required", say: part == "text" && !it.rows ? "" : it.needed };
    if (problem) page.problems.push({ key, it, ...problem, say: problem.say || say(`problem-${problem.code}`, problem.args) });
    else if (mark) answers[key + "?"] = mark;
    else if (value !== undefined && value !== "") answers[key] = value;
  };
  const item = (page, it) => {
    const before = page.problems.length;
    if (it.rows) {
      for (const row of it.rows) if (holds(row.show_if, answers)) variable(page, it, `${it.code}.${row.code}`, row.code, it.required);
    } else if (it.type == "point") {
      const keys = [it.code, it.code + ".place", it.code + ".address"];
      variable(page, it, keys[0], "", false);
      if (it.options) variable(page, it, keys[1], "place", false);
      variable(page, it, keys[2], "address", false);
      if (it.required && page.problems.length == before && ![...keys, it.code + "?"].some((k) => k in answers))
        page.problems.push({ key: it.code, it, code: "required", say: it.needed });
    } else {
      variable(page, it, it.code, "", it.required);
      const other = it.options?.find((o) => o.other);
      if (other && [answers[it.code]].flat().includes(other.code)) variable(page, it, it.code + ".text", "text", true);
    }
  };
  const pages = setup.pages.map((p) => {
    const page = { asked: false, shown: {}, known: {}, problems: [] };
    const there = holds(p.show_if, answers);
    for (const it of p.items) {
      page.known[it.code] = { ...answers };
      page.shown[it.code] = there && holds(it.show_if, answers);
      if (!page.shown[it.code]) continue;
      if (it.type == "calculated") {
        const n = number(it.formula, answers);
        const { value } = n === undefined ? {} : acceptNumber(it, n);
        if (value !== undefined) answers[it.code] = value;
        continue;
      }
      page.asked = true;
      if (it.type != "info") item(page, it);
    }
    return page;
  });
  return { answers, pages };
};

// --- The questionnaire --------------------------------------------------------

const start = () => {
  const form = root.querySelector("form");
  const pages = [...form.querySelectorAll("[data-screen=page]")];
  const find = (what) => root.querySelector(`[data-${what}]`);
  const items = new Map(setup.pages.flatMap((p) => p.items).map((it) => [it.code, it]));
  const key = `tablet ${setup.slug} ${setup.version}`;
  const title = document.title;
  let at = -1; // index of the page; -1 the start, pages.length the end
  let person, last = Date.now();
  const loaded = Date.now();

  // What one person has typed survives a reload and a change of language, no longer.
  const keep = () => {
    if (at < 0 || at >= pages.length) return;
    const fields = [...new FormData(form)].filter(([name, value]) => !name.startsWith("s-") && value !== "");
    sessionStorage.setItem(key, JSON.stringify({ at, person, fields, last: Date.now() }));
  };

  // Earlier answers in texts.
  const gaps = [];
  for (const section of pages) {
    const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (/\{[a-z][a-z0-9_.]*\}/.test(walker.currentNode.data)) gaps.push([walker.currentNode, walker.currentNode.data]);
  }
  const tell = (name, answers) => {
    const it = items.get(name.split(".")[0]);
    if (!it) return `{${name}}`;
    const value = answers[name];
    const label = (c) => (it.options ?? []).find((o) => o.code == c)?.text ?? c;
    const listed = it.options && !(it.type == "point" && !name.endsWith(".place")) && !(name.endsWith(".text") && !it.rows);
    if (value === undefined) return "…";
    if (typeof value == "number") return spoken(value) + (it.unit ? " " + it.unit : "");
    if (Array.isArray(value)) return value.map(label).join(", ");
    return listed ? label(value) : it.type == "date" ? day(value) : value;
  };

  const show = (element, yes) => (element.hidden = !yes);

  // route shows and hides what the answers ask for.
  const route = () => {
    const reading = read(form);
    setup.pages.forEach((p, i) => {
      for (const it of p.items) {
        const box = pages[i].querySelector(`[data-item="${it.code}"]`);
        if (!box || it.type == "calculated") continue;
        show(box, reading.pages[i].shown[it.code]);
        for (const li of box.querySelectorAll("li[data-option]")) show(li, holds(it.options.find((o) => o.code == li.dataset.option).show_if, reading.pages[i].known[it.code]));
        for (const part of box.querySelectorAll("[data-show-if]")) show(part, holds(JSON.parse(part.dataset.showIf), reading.pages[i].known[it.code]));
      }
    });
    for (const [node, text] of gaps) {
      const filled = text.replace(/\{([a-z][a-z0-9_.]*)\}/g, (_, name) => tell(name, reading.answers));
      if (node.data != filled) node.data = filled;
    }
    return reading;
  };

  // Rankings: the server's HTML holds every answer once, with a button to add it.
  const rankings = new Map();
  for (const box of form.querySelectorAll("[data-ranking]")) {
    const code = box.closest("[data-item]").dataset.item;
    const texts = new Map([...box.querySelectorAll("li")].map((li) => [li.querySelector("button").value.split(":")[2], li.querySelector(".ranked-text").innerHTML]));
    const place = document.createElement("div");
    box.querySelector(".unranked").before(place);
    for (const old of [...box.children]) if (old.matches(".help:not([id]), .unranked, p:has(> strong)")) old.remove();
    const status = box.querySelector("[role=status]");
    let order = [];
    const rankButton = (what, c, act) => {
      const b = button(say(what), act);
      const more = document.createElement("span");
      more.className = "visually-hidden";
      more.innerHTML = ": " + texts.get(c);
      b.append(more);
      b.value = `${what}:${code}:${c}`;
      return b;
    };
    const plain = (c) => Object.assign(document.createElement("span"), { innerHTML: texts.get(c) }).textContent;
    const move = (next, c, focus) => {
      order = next;
      draw();
      const i = order.indexOf(c);
      status.textContent = i < 0 ? say("ranked_no_more", { answer: plain(c) }) : say("ranked_now", { answer: plain(c), place: i + 1, of: order.length });
      (focus.map((what) => box.querySelector(`button[value="${what}:${code}:${c}"]`)).find(Boolean) ?? box).focus();
      changed();
    };
    const draw = () => {
      const line = (c, buttons, ranked) => {
        const li = document.createElement("li");
        li.dataset.option = c;
        const text = document.createElement("span");
        text.className = "ranked-text";
        text.innerHTML = texts.get(c);
        if (ranked) li.append(Object.assign(document.createElement("input"), { type: "hidden", name: code, value: c }));
        const group = document.createElement("span");
        group.className = "ranked-buttons";
        group.append(...buttons);
        li.append(text, group);
        return li;
      };
      const swap = (i, j) => order.map((c, k) => (k == i ? order[j] : k == j ? order[i] : c));
      const ranked = order.map((c, i) => line(c, [
        ...(i > 0 ? [rankButton("up", c, () => move(swap(i, i - 1), c, ["up", "down"]))] : []),
        ...(i < order.length - 1 ? [rankButton("down", c, () => move(swap(i, i + 1), c, ["down", "up"]))] : []),
        rankButton("rank_off", c, () => move(order.filter((x) => x != c), c, ["rank_add"])),
      ], true));
      const sorted = person?.order.items?.[code] ?? [...texts.keys()];
      const free = sorted.filter((c) => texts.has(c) && !order.includes(c)).map((c) => line(c, [rankButton("rank_add", c, () => move([...order, c], c, ["up", "rank_off"]))], false));
      const parts = [];
      const add = (tag, name, children) => {
        const element = document.createElement(tag);
        element.className = name;
        element.append(...children);
        parts.push(element);
      };
      if (ranked.length) add("ol", "ranked", ranked);
      else add("p", "help", [say("nothing_ranked")]);
      if (free.length) {
        add("p", "", [Object.assign(document.createElement("strong"), { textContent: say("to_rank") })]);
        add("ul", "unranked", free);
      }
      place.replaceChildren(...parts);
    };
    rankings.set(code, (codes) => {
      order = codes.filter((c) => texts.has(c));
      status.textContent = "";
      draw();
    });
  }

  // The random order of this person.
  const arrange = () => {
    for (const [i, codes] of Object.entries(person.order.pages ?? {})) {
      const box = pages[i].querySelector("[data-items]");
      const boxes = codes.map((c) => box.querySelector(`:scope > [data-item="${c}"]`)).filter(Boolean);
      const places = boxes.map((b) => b.cloneNode(false)).map((mark, n) => (([...box.children].filter((c) => boxes.includes(c))[n]).before(mark), mark));
      places.forEach((mark, n) => mark.replaceWith(boxes[n]));
    }
    for (const [code, codes] of Object.entries(person.order.items ?? {})) {
      const box = form.querySelector(`[data-item="${code}"]`), it = items.get(code);
      if (!box || it.type == "ranking") continue;
      const element = (c) => {
        if (it.rows) return box.querySelector(`[name="${code}.${c}"]`)?.closest("tr");
        return box.querySelector(`option[value="${c}"]`) ?? box.querySelector(`input[name="${code}"][value="${c}"]`)?.closest(".choice");
      };
      const parts = codes.map(element).filter(Boolean);
      const first = [...(parts[0]?.parentNode.children ?? [])].find((c) => parts.includes(c));
      const mark = document.createComment("");
      first?.before(mark);
      mark.before(...parts);
      mark.remove();
    }
  };

  const faults = find("faults");
  const clean = () => {
    faults.hidden = true;
    for (const p of form.querySelectorAll("[data-fault]")) p.remove();
    for (const f of form.querySelectorAll(".field-invalid")) f.classList.remove("field-invalid");
    for (const f of form.querySelectorAll("[data-described]")) {
      f.dataset.described ? f.setAttribute("aria-describedby", f.dataset.described) : f.removeAttribute("aria-describedby");
      f.removeAttribute("aria-invalid");
      delete f.dataset.described;
    }
  };
  const complain = (problems, i) => {
    clean();
    faults.querySelector("ul").replaceChildren(...problems.map(({ key, it, say: sentence }) => {
      const li = document.createElement("li");
      const a = document.createElement("a");
      const row = it?.rows?.find((r) => key == `${it.code}.${r.code}`);
      a.href = it ? `#f-${key}` : "#";
      a.textContent = it ? `${pages[i].querySelector(`[data-item="${it.code}"] :is(legend, label) > span`)?.textContent ?? it.text}${row ? " – " + row.text : ""} – ${sentence}` : sentence;
      a.addEventListener("click", (e) => {
        e.preventDefault();
        document.getElementById(`f-${key}`)?.focus();
      });
      li.append(a);
      const control = it && document.getElementById(`f-${key}`);
      if (control) {
        const p = document.createElement(row ? "span" : "p");
        p.className = "field-error";
        p.id = `e-${key}`;
        p.dataset.fault = "";
        p.textContent = sentence;
        if (row) control.closest("tr").querySelector("th").append(p);
        else (control.closest(".beside") ?? control.closest(".field")).querySelector(":is(legend, label)").after(p);
        (row ? control.closest("tr") : control.closest(".field")).classList.add("field-invalid");
        const described = control.matches("[type=radio], [type=checkbox], [data-ranking]") && !row ? control.closest("fieldset") : control;
        described.dataset.described = described.getAttribute("aria-describedby") ?? "";
        described.setAttribute("aria-describedby", `${described.dataset.described} ${p.id}`.trim());
        if (described == control && !control.matches("fieldset")) control.setAttribute("aria-invalid", "true");
      }
      return li;
    }));
    faults.hidden = false;
    faults.focus();
  };

  const screen = (n, reading = route(), focus = true) => {
    at = n;
    clean();
    const answering = at >= 0 && at < pages.length;
    show(find("screen=start"), at < 0);
    show(find("screen=done"), at >= pages.length);
    show(form, answering);
    pages.forEach((p, i) => show(p, i == at));
    if (answering) {
      const asked = reading.pages.map((p, i) => (p.asked || i == at ? i : -1)).filter((i) => i >= 0);
      const text = say("progress", { n: asked.indexOf(at) + 1, of: asked.length });
      find("progress").textContent = text;
      find("bar").max = asked.length;
      find("bar").value = asked.indexOf(at) + 1;
      document.title = `${text}: ${title}`;
    } else document.title = title;
    show(find("closed"), over());
    show(find("begin"), !over());
    keep();
    const { heading, headingLang } = (answering ? pages[at] : find(at < 0 ? "screen=start" : "screen=done")).dataset;
    const h1 = root.querySelector("h1");
    h1.textContent = heading;
    headingLang ? h1.setAttribute("lang", headingLang) : h1.removeAttribute("lang");
    if (!focus) return;
    scrollTo(0, 0);
    h1.focus();
  };

  const over = () => !!setup.closes && new Date() >= new Date(setup.closes);

  const wipe = (focus = true) => {
    sessionStorage.removeItem(key);
    form.reset();
    person = { id: crypto.randomUUID(), order: setup.orders[crypto.getRandomValues(new Uint32Array(1))[0] % setup.orders.length] };
    for (const set of rankings.values()) set([]);
    arrange();
    find("idle-dialog").close();
    screen(-1, route(), focus);
    if (Date.now() - loaded > 3600e3) location.reload(); // a newer version may be there
  };

  // An answer that stands alone takes the others away, and they it.
  const alone = (box) => {
    const name = box.name.replace(/\?$/, "");
    for (const other of box.closest("[data-item]").querySelectorAll("input[type=checkbox]"))
      if (other != box && other.name.replace(/\?$/, "") == name && (box.hasAttribute("data-exclusive") || other.hasAttribute("data-exclusive"))) other.checked = false;
  };
  const changed = (e) => {
    const field = e?.target;
    if (field?.type == "checkbox" && field.checked) alone(field);
    if (/^(text|email|textarea)$/.test(field?.type) && field.value.trim()) {
      const choice = field.closest(".choice")?.querySelector("input[type=radio], input[type=checkbox]");
      if (choice) {
        choice.checked = true;
        if (choice.type == "checkbox") alone(choice);
      } else for (const mark of form.querySelectorAll(`[name="${CSS.escape(field.name)}?"]`)) mark.checked = false;
    }
    route();
    keep();
  };

  const finish = async (reading) => {
    const first = reading.pages.findIndex((p) => p.problems.length);
    if (first >= 0) {
      screen(first, reading);
      return complain(reading.pages[first].problems, first);
    }
    if (!Object.keys(reading.answers).length) return complain([{ say: say("problem-nothing_answered") }], at);
    const calculated = [...items.values()].filter((it) => it.type == "calculated").map((it) => it.code);
    const answers = Object.fromEntries(Object.entries(reading.answers).filter(([k]) => !calculated.includes(k)));
    const body = JSON.stringify({ language: setup.language, channel: "tablet", seed: person.order.seed, answers });
    try {
      await outbox("readwrite", (store) => store.put({ id: person.id, survey: setup.slug, body, state: "waiting", reason: "" }));
    } catch {
      return complain([{ say: say("tablet_not_stored") }], at);
    }
    sessionStorage.removeItem(key);
    form.reset();
    screen(pages.length, read(form));
    await count();
    pause = 5000;
    flush();
  };

  let busy = false;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (busy) return;
    busy = true;
    const reading = route();
    const problems = reading.pages[at].problems;
    const next = reading.pages.findIndex((p, i) => i > at && p.asked);
    if (problems.length) complain(problems, at);
    else if (next >= 0) screen(next, reading);
    else await finish(reading);
    busy = false;
  });
  form.addEventListener("input", changed);
  find("begin").addEventListener("click", () => {
    const reading = route();
    const first = reading.pages.findIndex((p) => p.asked);
    if (first >= 0 && !over()) screen(first, reading);
  });
  find("back").addEventListener("click", () => {
    const reading = route();
    screen(reading.pages.findLastIndex((p, i) => i < at && p.asked), reading);
  });
  for (const b of root.querySelectorAll("[data-anew], [data-end], [data-wipe]")) b.addEventListener("click", () => wipe());

  // Between people: who does nothing for a while is asked, then all is wiped.
  const dialog = find("idle-dialog");
  const stay = () => (last = Date.now());
  for (const event of ["pointerdown", "keydown", "input", "scroll"]) addEventListener(event, () => dialog.open || stay(), { capture: true, passive: true });
  dialog.addEventListener("close", stay);
  find("stay").addEventListener("click", () => dialog.close());
  setInterval(() => {
    if (at < 0) return;
    const limit = (at >= pages.length ? Math.min(20, setup.idle) : setup.idle) * 1000;
    const rest = last + limit - Date.now();
    if (rest <= 0) wipe();
    else if (at < pages.length && rest <= Math.min(30000, limit / 2)) {
      find("left").textContent = Math.ceil(rest / 1000);
      if (!dialog.open) dialog.showModal();
    }
  }, 500);

  // Go on where a reload or a change of language came between.
  const stored = JSON.parse(sessionStorage.getItem(key) ?? "null");
  wipe(false);
  if (stored && Date.now() - stored.last < setup.idle * 1000) {
    person = { id: stored.person.id, order: setup.orders.find((o) => o.seed == stored.person.order.seed) ?? setup.orders[0] };
    arrange();
    for (const [code, set] of rankings) set(stored.fields.filter(([name]) => name == code).map(([, value]) => value));
    const values = new Map();
    for (const [name, value] of stored.fields) values.set(name, [...(values.get(name) ?? []), value]);
    for (const field of form.elements) {
      if (!values.has(field.name) || field.type == "hidden") continue;
      if (/radio|checkbox/.test(field.type)) field.checked = values.get(field.name).includes(field.value);
      else field.value = values.get(field.name)[0];
    }
    screen(stored.at);
  }
};

// --- Without the network --------------------------------------------------------

// store puts the pages of this survey in all languages, and all that they show, where
// the service worker finds them.
const store = async () => {
  for (const prefix of ["", "/en", "/ls"]) await navigator.serviceWorker.register("/tablet/worker.js", { scope: prefix + "/tablet/" });
  const cache = await caches.open(`tablet ${setup.slug}`);
  const files = new Set(performance.getEntriesByType("resource").map((e) => e.name).filter((name) => name.startsWith(location.origin + "/")));
  const answers = [];
  for (const path of setup.paths) {
    const answer = await fetch(path, { cache: "no-cache" });
    if (!answer.ok || answer.redirected) return;
    answers.push([path, answer.clone()]);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const e of page.querySelectorAll("link[rel=stylesheet], link[rel=icon], link[rel=manifest], script[src], img[src]"))
      for (const ref of [e.getAttribute("href") ?? e.getAttribute("src"), e.dataset.tabletScript]) if (ref?.startsWith("/")) files.add(location.origin + ref);
  }
  const wanted = [...files].filter((name) => !/^\/(api|(en\/|ls\/)?tablet)\//.test(new URL(name).pathname));
  await Promise.all(wanted.map(async (name) => (await cache.match(name)) ?? cache.add(name)));
  for (const [path, answer] of answers) await cache.put(path, answer);
  const kept = new Set([...wanted, ...setup.paths.map((p) => location.origin + p)]);
  for (const old of await cache.keys()) if (!kept.has(old.url)) await cache.delete(old);
  await navigator.serviceWorker.ready;
  root.dataset.ready = "";
};

if (root) {
  start();
  navigator.storage?.persist?.().catch(() => {});
  store().catch(() => {}); // without a network: what is in store stays
}
home?.querySelector("[data-send]")?.addEventListener("click", () => flush());
count().then(flush, flush);
