// Pages of a sitting in the Event Lounge: parts of the page come again by an event
// stream when they have changed. Without this file one loads the page again.
const root = document.querySelector("main [data-live]");
const own = new Set((root.dataset.voted ?? "").split(",").filter(Boolean));
const pause = root.querySelector("[data-live-pause]");
const parts = root.querySelectorAll("[data-live-part]");

// Which of the two buttons of a question this browser needs.
const mark = (part) => {
  for (const item of part.querySelectorAll("[data-question]")) {
    const mine = own.has(item.dataset.question);
    for (const b of item.querySelectorAll("button")) b.hidden = (b.value == "stimmen") == mine;
  }
};

// A form that somebody is filling in stays; only its count moves on.
const sameForm = (part, next) => {
  const key = (e) => e.querySelector("[data-live-key]")?.dataset.liveKey;
  return part.querySelector("form") && part.dataset.livePart == "umfrage" && key(part) == key(next) && !next.querySelector(".live-results");
};

const show = (part, html) => {
  const next = part.cloneNode();
  next.innerHTML = html;
  mark(next);
  if (next.isEqualNode(part)) return; // as after each new connection: nobody's click is to be lost
  if (sameForm(part, next)) {
    const [count, now] = [part, next].map((e) => e.querySelector("[data-live-count]"));
    if (count && now) count.textContent = now.textContent;
    return;
  }
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...next.childNodes);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
};

let stream;
const listen = () => {
  stream = new EventSource(root.dataset.live);
  for (const part of parts) {
    stream.addEventListener(part.dataset.livePart, (e) => {
      if (part.getAttribute("role") != "status") return show(part, e.data);
      const text = e.data.trim();
      if (part.textContent.trim() != text) part.textContent = text;
    });
  }
};

if (pause) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const runs = stream.readyState != EventSource.CLOSED;
    if (runs) stream.close();
    else listen();
    pause.textContent = runs ? pause.dataset.go : pause.dataset.pause;
  });
}
listen();
addEventListener("pagehide", () => stream.close());
