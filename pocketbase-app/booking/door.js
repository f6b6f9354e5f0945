// The door on a phone: scans are kept in the browser until the server has them, and
// the list of guests helps while there is no connection. Without this file the page
// is an ordinary form.

const door = document.querySelector("[data-door]");
if (door) start();

function start() {
  const slug = door.dataset.door;
  const say = (key) => door.dataset[key];
  const keep = `einlass:${slug}`; // scans that the server has not taken
  const listKey = `einlass-liste:${slug}`; // names: wiped after the event
  const form = document.getElementById("einlass-suche");
  const field = document.getElementById("f-suche");
  const place = document.getElementById("f-ort");
  const out = document.getElementById("einlass-ergebnis");
  const unsent = document.getElementById("einlass-offen");
  const counts = document.getElementById("einlass-zahl");

  const read = (key, otherwise) => {
    try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
  };
  const write = (key, value) => localStorage.setItem(key, JSON.stringify(value));

  for (const key of Object.keys(localStorage)) {
    if (key.startsWith("einlass-liste:") && (read(key, {}).end ?? 0) < Date.now()) localStorage.removeItem(key);
  }

  const showUnsent = () => {
    const n = read(keep, []).length;
    unsent.textContent = n ? say("unsent").replace("{n}", n) : "";
  };

  const show = (kind, lines) => {
    const box = document.createElement("div");
    box.className = `notice notice-${kind}`;
    for (const line of lines) {
      const p = document.createElement("p");
      p.textContent = line;
      box.append(p);
    }
    out.replaceChildren(box);
  };

  const tell = (r) => {
    const who = [r.name, r.pool].filter(Boolean).join(", ");
    const where = r.device ? ` (${r.device})` : "";
    if (r.result == "in") show("success", [say("in"), who]);
    else if (r.result == "already") show("warning", [say("already").replace("{at}", r.at) + where, who]);
    else show("warning", [say(r.result) || say("unknown"), who]);
  };

  const clean = (s) => s.toUpperCase().replace(/[\s–-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
  const digest = async (s) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(s)))]
    .map((b) => b.toString(16).padStart(2, "0")).join("");

  // Without a connection the list decides, and what this phone has let in itself.
  const offline = async (scan) => {
    const list = read(listKey, { guests: [] });
    const hash = scan.code && await digest(clean(scan.code));
    const guest = list.guests.find((g) => (hash ? g.h == hash : g.t == scan.ticket));
    if (!guest) return show("warning", [say("notlisted")]);
    const result = guest.i ? "already" : "in";
    tell({ result, name: guest.n, pool: guest.p, at: guest.i });
    if (!guest.i) {
      guest.i = new Date().toLocaleTimeString("de-DE", { hour: "2-digit", minute: "2-digit" });
      write(listKey, list);
    }
  };

  const send = async (scans) => {
    const answer = await fetch(`/einlass/${slug}/abgleich`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ scans }), redirect: "error",
      signal: AbortSignal.timeout(4000),
    });
    if (!answer.ok) throw new Error(answer.status);
    return (await answer.json()).results;
  };

  // Hands in what waits, one tab at a time. Whoever came in twice is shown.
  const sync = () => navigator.locks.request(keep, async () => {
    const waiting = read(keep, []).slice(0, 100);
    if (!waiting.length) return [];
    const results = await send(waiting);
    const done = new Set(results.map((r) => r.scan));
    write(keep, read(keep, []).filter((s) => !done.has(s.scan)));
    showUnsent();
    return results;
  });

  const refresh = async () => {
    const answer = await fetch(`/einlass/${slug}/liste`, { signal: AbortSignal.timeout(8000), redirect: "error" });
    if (!answer.ok) return;
    const list = await answer.json();
    counts.textContent = say("counts").replace("{in}", list.in).replace("{all}", list.all);
    write(listKey, { end: Number(door.dataset.end), guests: list.guests });
  };

  const scan = async (what) => {
    const one = { scan: crypto.randomUUID(), at: Date.now(), device: place.value.trim(), ...what };
    write(keep, [...read(keep, []), one]); // kept before anything is sent
    showUnsent();
    try {
      const results = await sync();
      const mine = results.find((r) => r.scan == one.scan);
      if (mine) tell(mine);
      await refresh();
    } catch {
      await offline(one);
    }
  };

  form.addEventListener("submit", async (e) => {
    const typed = field.value;
    if (clean(typed).length != Number(door.dataset.length)) {
      if (navigator.onLine) return; // a name or a number: the server answers
      e.preventDefault();
      search(typed);
      return;
    }
    e.preventDefault();
    field.value = "";
    await scan({ code: clean(typed) });
    field.focus();
  });

  // A search in the list of guests while there is no connection.
  const search = (typed) => {
    const wanted = typed.trim().toLowerCase();
    const found = read(listKey, { guests: [] }).guests
      .filter((g) => wanted.length > 1 && (g.n.toLowerCase().includes(wanted) || g.t.toLowerCase().startsWith(wanted))).slice(0, 50);
    const list = document.createElement("ul");
    list.className = "plain";
    for (const g of found) {
      const item = document.createElement("li");
      item.textContent = `${g.n}, ${g.p} (${g.t}) `;
      if (g.i) item.append(say("already").replace("{at}", g.i));
      else {
        const button = document.createElement("button");
        button.className = "button";
        button.type = "button";
        button.textContent = say("let");
        button.addEventListener("click", () => scan({ ticket: g.t }));
        item.append(button);
      }
      list.append(item);
    }
    if (found.length) out.replaceChildren(list);
    else show("warning", [say("nobody")]);
  };

  if ("BarcodeDetector" in window && navigator.mediaDevices) camera();

  function camera() {
    const button = document.getElementById("einlass-kamera");
    const video = document.getElementById("einlass-bild");
    button.hidden = false;
    let stream;
    let last = "";
    const stop = () => {
      stream?.getTracks().forEach((t) => t.stop());
      stream = undefined;
      video.hidden = true;
      button.textContent = say("camera");
    };
    button.addEventListener("click", async () => {
      if (stream) return stop();
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      } catch {
        return show("warning", [say("nocamera")]);
      }
      video.srcObject = stream;
      video.hidden = false;
      button.textContent = say("camerastop");
      await video.play();
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      while (stream) {
        const [code] = await detector.detect(video).catch(() => []);
        if (code && code.rawValue != last) {
          last = code.rawValue;
          await scan({ code: clean(last) });
        }
        await new Promise((r) => setTimeout(r, 250));
      }
    });
  }

  showUnsent();
  setInterval(() => sync().catch(() => {}), 5000);
  setInterval(() => refresh().catch(() => {}), 30000);
  sync().catch(() => {}).then(refresh).catch(() => {});

  navigator.serviceWorker?.register("/einlass/worker.js", { scope: "/einlass/" }).then(async () => {
    const store = await caches.open("einlass");
    const files = [...document.querySelectorAll("link[rel=stylesheet], script[src], link[rel=icon]")].map((el) => el.href || el.src);
    await store.addAll([location.pathname, ...files.filter((f) => f.startsWith(location.origin))]);
    door.dataset.stored = "1";
  }).catch(() => {});
}
