// The screen asks for news by itself, without the flicker of a reload, and speaks
// when somebody switched that on. Without this script the page reloads itself.
"use strict";
(() => {
  const button = document.getElementById("ton");
  let speaks = false;
  const voice = window.speechSynthesis;
  if (voice) {
    button.hidden = false;
    button.addEventListener("click", () => {
      speaks = !speaks;
      button.textContent = speaks ? button.dataset.on : button.dataset.off;
      button.setAttribute("aria-pressed", String(speaks));
    });
  }
  const say = (main) => {
    const row = main.querySelector("tbody tr");
    if (!speaks || !row) return;
    const text = new SpeechSynthesisUtterance("Nummer " + row.cells[0].textContent.split("").join(" ") + ", " + row.cells[1].textContent);
    text.lang = "de-DE";
    voice.speak(text);
  };
  const look = async () => {
    try {
      const res = await fetch(location.href, { cache: "no-store" });
      if (!res.ok) return;
      const page = new DOMParser().parseFromString(await res.text(), "text/html");
      const now = document.getElementById("aufruf"), next = page.getElementById("aufruf");
      document.querySelector("time").textContent = page.querySelector("time").textContent;
      if (now.innerHTML === next.innerHTML && now.dataset.last === next.dataset.last) return;
      const called = next.dataset.last && next.dataset.last !== now.dataset.last;
      now.replaceWith(next);
      if (called) say(next);
    } catch { /* the next try comes */ }
  };
  setInterval(look, 4000);
})();
